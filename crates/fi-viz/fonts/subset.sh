#!/bin/sh
# Makes DejaVuSans-subset.ttf from DejaVuSans.ttf 2.37 (https://dejavu-fonts.github.io).
# Needs fonttools 4.68.0. Usage: ./subset.sh path/to/DejaVuSans.ttf
# Blocks: Latin with its extensions, accents, Greek, Cyrillic, punctuation, super- and
# subscripts, currency, letter-like signs, arrows, mathematical operators, shapes.
set -eu
cd "$(dirname "$0")"
pyftsubset "$1" \
  --unicodes='U+0020-007E,U+00A0-024F,U+0250-02FF,U+0300-036F,U+0370-03FF,U+0400-052F,U+1E00-1EFF,U+2000-206F,U+2070-209F,U+20A0-20BF,U+2100-214F,U+2190-21FF,U+2200-22FF,U+25A0-25FF' \
  --layout-features=kern --legacy-kern --no-hinting --notdef-outline \
  --name-IDs='*' --no-recalc-timestamp --output-file=DejaVuSans-subset.ttf
