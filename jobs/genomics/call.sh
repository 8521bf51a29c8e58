#!/bin/bash
# call.sh FOLDER SAMPLE REGION: the variants of a sample within a region, as far to the left as can be: calls/SAMPLE/REGION.bcf.
set -euo pipefail
calls=$1/calls/$2/$3.bcf
mkdir -p "$1/calls/$2"
bcftools mpileup -Ou -f "$1/reference.fa" -r "$3" "$1/bam/$2.bam" | bcftools call -mv -Ou | \
  bcftools norm -Ou -f "$1/reference.fa" | bcftools view -Ob -i 'QUAL >= 20 && INFO/DP >= 10' -o "$calls.part" -
mv "$calls.part" "$calls"
bcftools index -f "$calls"
