"""Questions of notebook 00."""

from recipe_widgets.course.questions import QuestionText

QUESTIONS = {
    "which_program": QuestionText(
        "Which of the two programs hides a bug?", "B", {
            "A": "A is sound: it follows the loop above line by line.",
            "B": "Its network ends with a softmax, and cross_entropy applies a softmax of its own to "
                 "what it gets. The loss cannot fall below 1.46, however right the answers are, and "
                 "the gradients shrink.",
            "Neither": "Compare where the two stop. Seen alone, either curve looks like learning. B is "
                       "the wrong one.",
        }),
    "ten_times_lr": QuestionText(
        "Learning rate 0.05, momentum 0.9, as in the panel. The learning rate becomes 0.5: where is the "
        "loss after 300 steps?", "High, near a guess", {
            "Lower than before": "Without momentum 0.5 does no harm. With it each step carries on the "
                                 "ones before, and the sum goes too far.",
            "High, near a guess": "With momentum each step carries on the ones before, about ten times "
                                  "as far in all. At 0.5 that jumps over the valley.",
            "The same": "The learning rate is a factor of every step, so ten times the rate moves the "
                        "weights about ten times as far.",
        }),
}
