// Note what the bundle was built from, and what it is, so that both can be compared where there is no Node.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const SOURCES = ["index.html", "openapi.json", "package-lock.json", "package.json", "tsconfig.json", "vite.config.ts"];

function below(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function digest(base, files) {
  const hash = createHash("sha256");
  const names = files.map((file) => file.slice(base.length).replaceAll("\\", "/"));
  for (const name of names.sort((one, other) => (one < other ? -1 : 1))) hash.update(`${name}\n`).update(readFileSync(base + name)).update("\n");
  return hash.digest("hex");
}

const web = new URL("./", import.meta.url).pathname;
const bundle = new URL("../src/conet/serve/static/", import.meta.url).pathname;
const built = {
  sources: digest(web, [...below(web + "src"), ...SOURCES.map((name) => web + name)]),
  bundle: digest(bundle, below(bundle)),
};
writeFileSync(web + "built.json", JSON.stringify(built, null, 2) + "\n");
