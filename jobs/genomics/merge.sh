#!/bin/bash
# merge.sh FOLDER: one table of all samples, cohort.vcf.gz.
set -euo pipefail
bcftools merge -Oz -o "$1/cohort.part" "$1"/calls/*.bcf
mv "$1/cohort.part" "$1/cohort.vcf.gz"
