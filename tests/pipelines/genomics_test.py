"""genomics: every variant that was planted is found, and nothing else."""
import gzip

import pipeline_case


class Genomics(pipeline_case.PipelineCase):
    name = "genomics"

    def planted(self, sample):
        with open(self.path("results", "truth", sample + ".tsv")) as file:
            return {tuple(line.split()) for line in file}

    def found(self):
        """What the table of all samples says of each: position, reference, alternative, genotype."""
        found = {}
        with gzip.open(self.path("results", "cohort.vcf.gz"), "rt") as table:
            for line in table:
                fields = line.split()
                if line.startswith("#CHROM"):
                    samples = fields[9:]
                if line.startswith("#"):
                    continue
                for sample, value in zip(samples, fields[9:]):
                    genotype = value.split(":")[0]
                    if genotype not in ("./.", "0/0"):
                        found.setdefault(sample, set()).add((fields[1], fields[3], fields[4], genotype))
        return found

    def test_all_planted_variants_are_found_and_no_others(self):
        result = self.run_pipeline()
        planted = {sample: self.planted(sample) for sample in ("s1", "s2")}
        count = sum(map(len, planted.values()))
        self.assertGreater(count, 30)
        self.assertTrue(any(len(old) > 1 for _, old, _, _ in set.union(*planted.values())), "no deletion among them")
        self.assertEqual(self.found(), planted)
        self.assertEqual(result, {"cohort": self.path("results", "cohort.vcf.gz"), "planted": count, "found": count, "precision": 1,
                                  "recall": 1, "imperfect": []})

    def test_too_few_reads_miss_some_and_it_says_so(self):
        result = self.run_pipeline(coverage=12, status=1)
        self.assertEqual(result["error"], "VariantsMissed")
        self.assertRegex(result["cause"], "precision .*, recall 0[.].*; see s1, s2")


if __name__ == "__main__":
    pipeline_case.main(Genomics.name)
