"""Questions of notebook 02."""

from recipe_widgets.course.questions import QuestionText

QUESTIONS = {
    "seed_spread": QuestionText(
        "Two runs differ in the seed alone. How far apart is their validation accuracy after 300 steps?",
        "Up to a few points", {
            "Not at all": "Other first weights and other batches lead elsewhere.",
            "Up to a few points": "So a gain of one point, seen in one run, may be luck alone.",
            "Ten points and more": "It is less, on these data. But it is far from nothing.",
        }),
    "first_loss_461": QuestionText(
        "Ten classes, cross-entropy, and the log begins with a loss of 4.61. What is likely?",
        "The last layer has 100 outputs", {
            "A slow start": "4.61 is before the first step: the network has not started at all.",
            "The last layer has 100 outputs": "ln 100 = 4.605. The network spreads its guesses over a "
                                              "hundred classes, of which ninety never come.",
            "The learning rate is too high": "No step was taken yet, so no learning rate was used.",
        }, at_once=True),
    "zero_inputs": QuestionText(
        "All inputs are set to zero, the ten classes are equally frequent. Where does the training "
        "loss end?", "At about ln 10 = 2.30", {
            "At 0": "All images look alike now. Whatever the network answers, it answers to all.",
            "At about ln 10 = 2.30": "All that can be learnt is how frequent the classes are.",
            "It rises": "It can still learn how frequent the classes are, and stays there.",
        }),
    "dumb_order": QuestionText(
        "MNIST: to compare with the mean image of each class, or with the nearest of 2,000 stored "
        "images. Which is right more often?", "The nearest of 2,000", {
            "The class means": "One mean must stand for every way to write a digit.",
            "The nearest of 2,000": "Among 2,000 digits one is often written nearly like yours.",
            "Both alike": "One mean must stand for every way to write a digit, 2,000 images need not.",
        }),
    "which_rate": QuestionText(
        "One of the three pictures is of a learning rate that is far too high. Which?", "C", {
            "A": "A hardly moves in 200 steps: its rate is too low.",
            "B": "B goes steadily to the right class: its rate suits.",
            "C": "C jumps from look to look: what one step gains, the next one loses.",
        }),
}
