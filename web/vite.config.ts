import { defineConfig } from "vite";

// Names without hashes: the bundle is committed, and a change of it should be a change of few files.
/** Of the fonts of KaTeX the compressed ones alone: every browser that draws this page reads them. */
const fonts = {
  name: "fonts",
  enforce: "pre" as const,
  transform(code: string, id: string) {
    if (id.includes("katex.min.css")) return code.replace(/,url\([^)]*\.(?:woff|ttf)\) format\("(?:woff|truetype)"\)/g, "");
    return undefined;
  },
};

export default defineConfig({
  base: "./",
  plugins: [fonts],
  build: {
    outDir: "../src/conet/serve/static",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    target: "es2022",
    cssCodeSplit: false,
    chunkSizeWarningLimit: 1000,
    rollupOptions: {
      output: {
        entryFileNames: "page.js",
        chunkFileNames: "[name].js",
        assetFileNames: (asset) => (asset.names[0]?.endsWith(".css") ? "page.css" : "[name][extname]"),
      },
    },
  },
});
