#!/usr/bin/env bash
# Install the built wheel on every Python that can be had here with the newest dependencies, and on the lowest Python with
# the lowest ones, and try it.
#
#     bash verification/pythons.sh            # some minutes for each; says what was tried
#
# Which ones are looked for: 3.11 to 3.14 on PATH, and under ~/.pyenv/versions. A missing one is said, and is no failure.
set -euo pipefail
cd "$(dirname "$0")/.."
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/tools"
"$place/tools/bin/pip" install -q build uv
"$place/tools/bin/python" -m build -q --outdir "$place/dist" .
"$place/tools/bin/python" verification/distribution.py "$place/dist"
wheel=$(echo "$place"/dist/*.whl)
failed=0
for version in 3.11 3.12 3.13 3.14; do
  python=$(command -v "python$version" || true)
  for own in "$HOME"/.pyenv/versions/"$version".*/bin/python; do [ -x "$own" ] && python=$own; done
  if [ -z "$python" ]; then echo "$version: not to be had here, not tried"; continue; fi
  # The lowest versions of all have wheels for the lowest Python alone.
  for resolution in highest $([ "$version" = 3.11 ] && echo lowest-direct); do
    environment="$place/$version-$resolution"
    "$place/tools/bin/uv" venv -q --python "$python" "$environment"
    if ! "$place/tools/bin/uv" pip install -q --python "$environment/bin/python" --resolution "$resolution" "$wheel"; then
      echo "$version, $resolution: cannot be installed"; failed=1; continue
    fi
    if (cd "$place" && "$environment/bin/conet" run --preset smoke --steps 20 --out "run-$version-$resolution" --json >/dev/null &&
        "$environment/bin/conet" diagnose "run-$version-$resolution" --out "found-$version-$resolution" --json >/dev/null); then
      echo "$version, $resolution: installed, trained, diagnosed"
    else
      echo "$version, $resolution: FAILED"; failed=1
    fi
  done
done
exit $failed
