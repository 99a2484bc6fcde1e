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
        "The learning rate ten times as high: what does the loss do?", "It stays high or jumps", {
            "It falls faster": "A larger step is not a better one: beyond some size, each step "
                               "jumps over the valley that it should walk down.",
            "It stays high or jumps": "Each step jumps over the valley that it should walk down.",
            "Nothing changes": "The learning rate is the length of every step.",
        }),
}
