"""Questions of notebook 08."""

from recipe_widgets.course.questions import QuestionText

QUESTIONS = {
    "needs_holding_back": QuestionText(
        "Which of the three would gain most from being held back?", "A", {
            "A": "Its training loss is near 0, and its validation loss is past its lowest point: it learns "
                 "300 digits by heart.",
            "B": "Both losses are high and close together: it underfits. It needs more units, not less "
                 "freedom.",
            "C": "Both losses are still falling, close together: there is no gap to narrow. It needs more "
                 "steps.",
        }),
    "ones_dropped": QuestionText(
        "nn.Dropout(0.8) in training mode gets ones. Which numbers come out?", "0 and 5", {
            "0 and 1": "Then the sums of the next layer would be five times as small as in evaluation.",
            "0 and 5": "One in five stays, and is divided by 1 - 0.8 = 0.2. So the mean stays at 1.",
            "0.2 everywhere": "Dropout draws: each number goes or stays as a whole. 0.2 is the mean "
                              "of what is left, before it is scaled.",
        }),
    "dropout_speed": QuestionText(
        "Compared with no dropout, how many steps does dropout 0.5 need to the same validation accuracy?",
        "Not fewer", {
            "Clearly fewer": "That is the claim. It was made of one run each, and does not show over "
                             "seeds.",
            "Not fewer": "Half of the units learn nothing in a step. That costs steps, or at best costs "
                         "none. See the verdicts above.",
        }),
    "mask_average": QuestionText(
        "The average answer of 30 random masks. Beside evaluation mode it is right ...",
        "about as often", {
            "clearly more often": "Thirty networks are more than one. But evaluation mode stands for the "
                                  "average over all masks already.",
            "about as often": "All units at once, in one pass, stand for the average of very many thin "
                              "networks.",
            "clearly less often": "One mask is. With thirty of them, what is chance in each has nearly gone.",
        }),
    "norm_statistics": QuestionText(
        "Dropout 0.5 before BatchNorm. All weights stay, BatchNorm's statistics are taken anew without "
        "dropout. The accuracy ...", "stays about the same", {
            "rises clearly": "The variances are off, so one could expect that. The answers hardly change: "
                             "each unit is scaled a little, and the order of the outputs stays.",
            "stays about the same": "The variances are off, and are right afterwards. The accuracy does not "
                                    "care: which output is largest hardly changes.",
            "falls clearly": "New statistics fit evaluation at least as well as the old ones.",
        }),
    "decay_in_adam": QuestionText(
        "torch.optim.Adam(weight_decay=0.1), gradient 0. Which of the two weights, 2 and 0.02, loses the "
        "larger share of itself?", "0.02", {
            "2": "That is the aim of weight decay. In Adam both move by the same distance.",
            "0.02": "Adam divides the gradient, decay included, by its size. So both move by lr = 0.01: "
                    "that is half of 0.02, and next to nothing of 2.",
            "Both the same": "So it is with SGD and with AdamW. Adam divides the decay by its own size.",
        }),
    "who_decays": QuestionText(
        "Norms and biases left out of the decay, or not: what does it change, each tuned by itself?",
        "More than half a point is gained", {
            "More than half a point is gained": "With them left out, the weights bear nearly twice the "
                                                "decay in each step (lr · λ), and gain more by it.",
            "Nothing: they are so few": "They are few, and each of them acts on a whole unit. A decay that is "
                                        "strong enough for the weights is too strong for them.",
            "More than half a point is lost": "They hold a network back, too, but not in a way that it "
                                              "needs.",
        }),
    "lowest_smoothed": QuestionText(
        "Smoothing 0.1, ten classes. The lowest loss that any network can reach is about ...", "0.5", {
            "0": "That needs a probability of 1, and the target asks for 0.91 only.",
            "0.5": "It is the entropy of the target: -0.91 ln 0.91 - 9 · 0.01 ln 0.01.",
            "2.3": "ln 10 is the loss of a guess, with smoothing and without.",
        }),
    "loss_or_accuracy": QuestionText(
        "True labels, 600 steps. Beside the weights at the end, those with the lowest validation loss are "
        "right ...", "not more often", {
            "clearly more often": "So it is with wrong labels. With true ones only the loss is better.",
            "not more often": "The loss rises since the network gets surer where it is wrong. It is not wrong "
                              "more often.",
        }),
    "stop_or_rate": QuestionText(
        "300 of 1,000 labels wrong. A patience of 10 brings about 9 points at the rate 0.03. A rate tuned "
        "to these labels, without stopping, brings ...", "more", {
            "less": "A low rate learns the wrong labels so late that nothing needs to be stopped.",
            "about as much": "It is more: stopping at a high rate ends at a look that happens to be good.",
            "more": "With a low rate the network learns the rule first, and 1,500 steps end before it knows "
                    "the wrong labels.",
        }),
    "large_and_stopped": QuestionText(
        "1,000 photographs. At their best look, how does a network of 512 units compare with one of 8?",
        "It is better", {
            "It is better": "Its loss is lower and it is right more often. Left to its end, its loss rises, "
                            "but so does that of the small one.",
            "As good": "Eight units are too few for photographs, at any step.",
            "It is worse: it overfits": "It overfits in the end, and at its best look it does not yet.",
        }),
    "average_of_thirds": QuestionText(
        "Photographs. The average of three members with a third of the samples each, beside ONE member "
        "that has all: it is right ...", "at least as often", {
            "clearly less often": "Each of the three is. Their average makes up for it: what one third lacks, "
                                  "another has.",
            "at least as often": "Three weak members that err differently, together, make up for seeing a "
                                 "third each. On digits they do not quite.",
        }),
    "smoothing_and_noise": QuestionText(
        "Label smoothing brings 1.4 points with 1,000 digits. And if 300 of their labels are wrong?",
        "Nothing that matters", {
            "More: it trusts labels less": "It trusts all labels less, the right ones, too. It does not know "
                                           "which are wrong.",
            "About as much": "With wrong labels the best rate is so low that the network is not sure anyway.",
            "Nothing that matters": "With wrong labels the best rate is so low that the network is not sure "
                                    "anyway.",
        }),
}
