"""video: as many frames as were drawn, in their order, and as long as was asked for."""
import os
import re
import shutil
import subprocess

import pipeline_case


class Video(pipeline_case.PipelineCase):
    name = "video"

    def test_the_video_is_made_of_the_frames(self):
        result = self.run_pipeline()
        self.assertEqual(result["probed"], {"width": 160, "height": 90, "frames": 12, "seconds": 1})
        frames = sorted(os.listdir(self.path("results", "frames")))
        self.assertEqual(frames, ["%04d.png" % number for number in range(12)])
        self.assertTrue(0 < result["filled"] < 0.5, result)

        compared = subprocess.run(["ffmpeg", "-i", result["video"], "-framerate", "12", "-i", self.path("results", "frames", "%04d.png"),
                                   "-lavfi", "psnr", "-f", "null", "-"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        worst = float(re.search("PSNR .*min:([0-9.]+)", compared.stderr).group(1))
        self.assertGreater(worst, 28, "decibels between a frame and its picture; a wrong one has less than 20")

        probe = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=width,height", "-of", "csv=p=0", result["poster"]],
                               capture_output=True, text=True)
        self.assertEqual(probe.stdout.strip(), "968,364")

    def test_frames_that_do_not_belong_are_noticed(self):
        self.run_pipeline("first")
        os.makedirs(self.path("results", "frames"))
        shutil.copy(self.path("first", "frames", "0000.png"), self.path("results", "frames", "0012.png"))
        result = self.run_pipeline(status=1)
        self.assertEqual(result["error"], "VideoNotWhole")
        self.assertIn('12 frames were drawn, in the video is {"width":160,"height":90,"frames":13', result["cause"])


if __name__ == "__main__":
    pipeline_case.main(Video.name)
