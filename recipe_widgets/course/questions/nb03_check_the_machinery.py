"""Questions of notebook 03."""

from recipe_widgets.course.questions import QuestionText

QUESTIONS = {
    "step_size": QuestionText(
        "With float64 numbers, which step h gives the smallest error of a central difference?",
        "About 1e-5", {
            "About 1e-1": "Too long: the curvature of the loss shows, with an error that grows with "
                          "the square of h.",
            "About 1e-5": "It balances two errors: that of the formula, which shrinks with h, and "
                          "that of rounding, which grows as h shrinks.",
            "1e-13, the smaller the better": "Then the two losses agree in nearly all their digits, "
                                             "and what is left is noise.",
        }),
    "wrong_gradient": QuestionText(
        "One of the two programs trains, and you see its accuracy. Can you tell which one it is?",
        "No", {
            "Yes": "The wrong gradient still points roughly downhill, so the loss falls, and the "
                   "accuracy is one that you would believe.",
            "No": "The wrong gradient still points roughly downhill. Another seed changes the accuracy "
                  "as much as the mistake does.",
        }),
    "view_or_permute": QuestionText(
        "Eight digits, so 8 x 8 pairs of an output and an input. With view, for how many pairs is the "
        "gradient not 0?", "All 64", {
            "8": "That is the sound model: each output depends on its own digit.",
            "16": "It is not one neighbour only: view hands out rows of the memory in turn.",
            "All 64": "view cuts the memory anew, so each digit gets some states of every digit.",
        }),
    "axis_slip": QuestionText(
        "One of two fast versions forgets the axis of a sum. What notices?", "Only the comparison", {
            "An error message": "A single number fits any shape.",
            "The shape of the result": "The shape is right, although the numbers are not.",
            "Only the comparison": "It runs, and its shape is right. Only the slow version, which "
                                   "follows the definition, knows the numbers.",
        }),
    "digits_agree": QuestionText(
        "Backprop by hand and autograd, both in float64. To how many digits do they agree?",
        "About 15", {
            "About 3": "That would be a mistake somewhere, or float16.",
            "About 7": "That is what float32 holds. These are float64.",
            "About 15": "float64 holds about 16 digits. Both compute the same thing, and only the "
                        "order of a sum differs.",
        }),
    "all_zero": QuestionText(
        "All weights of a network with ReLU start at 0. Which parameters get a gradient?",
        "The last bias only", {
            "All": "Each gradient is a product. Somewhere in it stands a weight or an activation, "
                   "and these are 0.",
            "The last layer": "Its weights meet the activations of the layer before, which are all 0.",
            "The last bias only": "All other gradients are products with a 0 in them. Such a network "
                                  "learns how frequent the classes are, and nothing else.",
        }),
    "which_rises": QuestionText(
        "MNIST. Which of these changes begins far above a guess and still learns a lot?",
        "Weights from N(0, 1)", {
            "Learning rate 5": "The start is as always. Then the weights are thrown far away, and the "
                               "network stays at a guess.",
            "Weights from N(0, 1)": "The first loss is huge, and falls from there.",
            "All weights 0": "It begins exactly at a guess, and stays there: only the last bias learns.",
        }),
    "pictures_or_tensor": QuestionText(
        "One epoch on digits: one picture at a time through PIL and a DataLoader, or rows of one tensor. "
        "How many times as long does the first take?", "More than 5 times", {
            "About as long": "A small network is fast. Most of the time goes into opening pictures.",
            "About twice": "On a larger network it may be. On digits the network is so fast that "
                           "reading is nearly all of the time.",
            "More than 5 times": "A small network is fast: reading is nearly all of the time.",
        }),
}
