#!/bin/bash
# compare.sh FOLDER SAMPLE: joins the regions of a sample (calls/SAMPLE.bcf) and holds them against what was planted.
set -euo pipefail
calls=$1/calls/$2.bcf
bcftools concat -a -D -Ob -o "$calls.part" "$1/calls/$2"/*.bcf
mv "$calls.part" "$calls"
bcftools index -f "$calls"
bcftools query -f '%POS\t%REF\t%ALT[\t%GT]\n' "$calls" | sort | comm --total -123 --output-delimiter=, - <(sort "$1/truth/$2.tsv") |
  awk -F, '{printf "{\"sample\":\"%s\",\"planted\":%d,\"found\":%d,\"invented\":%d}\n", sample, $2 + $3, $3, $1}' sample="$2"
