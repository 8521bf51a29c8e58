"""contact-sheet: the damaged frame is left out, the others are on the sheet."""
import os
import subprocess

import pipeline_case


class ContactSheet(pipeline_case.PipelineCase):
    name = "contact-sheet"

    def test_all_frames_but_the_damaged_one_are_on_the_sheet(self):
        result = self.run_pipeline()
        self.assertEqual(result, {"sheet": self.path("results", "contact-sheet.png"), "good": 5, "damaged": [2]})
        self.assertEqual(sorted(os.listdir(self.path("results", "thumbnails"))), ["%d.png" % number for number in (1, 3, 4, 5, 6)])
        size = subprocess.run(["identify", "-format", "%wx%h", result["sheet"]], capture_output=True, text=True).stdout
        self.assertEqual(size, "1800x140", "a row of ten thumbnails, each 160x120 with border and space")

    def test_too_few_good_frames_fail(self):
        result = self.run_pipeline(least=6, status=1)
        self.assertEqual((result["error"], result["cause"]), ("TooFewFrames", "only 5 frames could be developed, 6 are needed"))


if __name__ == "__main__":
    pipeline_case.main(ContactSheet.name)
