"""Questions of notebook 01."""

from recipe_widgets.course.questions import QuestionText

QUESTIONS = {
    "highest_loss": QuestionText(
        "A small network was trained. Which training images will have the highest loss?",
        "Odd ones", {
            "Dark ones": "Some are dark, but darkness is not what they have in common.",
            "Odd ones": "Odd views, odd colours, and many stand before an unusual background: "
                        "airplanes without sky, boats without much water.",
            "Any": "They are no chance sample: odd views, odd colours, and unusual backgrounds, such "
                   "as airplanes without sky.",
        }),
    "dark_pictures": QuestionText(
        "What happened to the pictures with a contrast of nearly 0?",
        "Scaled to 0 ... 1, then cut to bytes", {
            "Taken at night": "A night has noise in it. These pixels hold next to no different values.",
            "Scaled to 0 ... 1, then cut to bytes":
                "Divided by 255, a byte becomes a number from 0 to 1; cut to a whole number, it is 0, or "
                "1 for pure white. The rows are all multiples of 250: one worker, or one folder, went "
                "another way than the others.",
            "Wrong labels": "Labels say nothing about brightness. Look at the pixels alone.",
        }),
    "blur_or_shuffle": QuestionText(
        "The network was trained on whole pictures. What hurts it more on MNIST: squares of 4 x 4 pixels "
        "averaged, or the picture cut into 4 x 4 patches and these shuffled?", "Shuffled", {
            "Averaged": "Strokes are blurred, but stay where they are.",
            "Shuffled": "Averaged, a stroke stays where it is. Shuffled, the digit is in pieces.",
        }),
    "useless_models": QuestionText(
        "1,000 models answer at random, ten classes, 500 test images. How many are right with the best "
        "one?", "About 14 %", {
            "About 10 %": "That is the mean of all. The best of many is a lucky one.",
            "About 14 %": "The luckiest of a thousand. On fresh images it is at 10 % again.",
            "About 50 %": "Luck goes some standard deviations far (here 1.3 points each), not thirty.",
        }),
}
