#!/bin/sh
# Makes .venv with the first fitting Python, and the installer in it. What stands in the way is one line.
#   sh local/venv.sh [PYTHON]
set -u

stop() {
    echo "$*" >&2
    exit 1
}

for folder in . .venv .local app/static/dist; do
    [ ! -e "$folder" ] || [ -w "$folder" ] ||
        stop "No permission to write $(cd "$folder" && pwd): take a folder of your own, or give it to $(id -un)"
done

fits() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

found=
for candidate in ${1:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if command -v "$candidate" >/dev/null && fits "$candidate"; then
        found=$candidate
        break
    fi
done
if [ -z "$found" ]; then
    there=$("${1:-python3}" --version 2>/dev/null) || there="no ${1:-python3}"
    stop "Python 3.11 or newer is needed; here is $there. Name another: make PYTHON=/path/to/python3"
fi
"$found" -c 'import venv, ensurepip' 2>/dev/null ||
    stop "$("$found" --version) has no venv module: on Debian or Ubuntu, apt-get install python3-venv"

sh local/step.sh "a virtual environment with $("$found" --version)" "$found" -m venv .venv &&
    sh local/step.sh "the installer" .venv/bin/python -m pip install --quiet --disable-pip-version-check \
        --require-hashes --requirement requirements-uv.txt
