"""Questions of notebook 06."""

from recipe_widgets.course.questions import QuestionText

QUESTIONS = {
    "which_batch": QuestionText(
        "8,000 digits, 0.8 seconds of training. Which way ends with the lowest validation loss?",
        "64 samples a step", {
            "All 8,000 samples a step": "Its steps are the best ones, but too few of them fit into the time.",
            "64 samples a step": "Many steps, and each of them is roughly right.",
            "1 sample a step": "It makes the most steps, and each of them is far off.",
        }),
    "noise_of_a_batch": QuestionText(
        "16 times as many samples in a batch. How far is its gradient from that of all samples?",
        "A quarter as far", {
            "A sixteenth as far": "So it would be if the errors of single samples added up in one "
                                  "direction. They go in all directions.",
            "A quarter as far": "A mean of n independent numbers is off by 1 / root of n, and the root of "
                                "16 is 4.",
            "As far as before": "A mean of more samples is nearer to the mean of all.",
        }),
    "larger_batch": QuestionText(
        "Batches of 1,024 instead of 64, the same number of samples, each at its own best rate. The "
        "accuracy is ...", "Lower", {
            "Higher": "The gradients are cleaner. But there are sixteen times fewer steps.",
            "The same": "The best rate for large batches is higher. It does not make up for sixteen times "
                        "fewer steps.",
            "Lower": "Sixteen times fewer steps, and a higher rate makes up for a part of it only.",
        }),
    "steady_push": QuestionText(
        "The gradient is always 1, momentum is 0.9. How long do the steps become, in units of lr?", "10", {
            "1.9": "That is the second step. Each one adds 0.9 of the velocity of before.",
            "10": "1 + 0.9 + 0.81 + ... = 1 / (1 - 0.9).",
            "They grow without end": "They would at momentum 1. Below it each old push fades.",
        }),
    "steep_valley": QuestionText(
        "Each at its own best rate, 120 steps. Where does momentum 0.9 end lower than plain SGD?",
        "At κ = 200 only", {
            "At both": "At κ = 20 plain SGD is down sooner: momentum still rolls to and fro.",
            "At κ = 200 only": "There the way along is long, and plain SGD creeps. At κ = 20 it is down sooner, "
                               "while momentum still rolls to and fro.",
            "At neither": "At κ = 200 plain SGD must go so slowly that 120 steps do not suffice.",
        }),
    "momentum_or_rate": QuestionText(
        "200 steps: momentum 0.9, or no momentum and ten times the learning rate. Which is better?",
        "About equal", {
            "Momentum": "Against the same rate it is far ahead. Against ten times the rate little is left.",
            "About equal": "Most of what momentum did here was to make the steps ten times as long.",
            "Ten times the rate": "The two lie within the seeds of each other.",
        }),
    "highest_rate": QuestionText(
        "Rates 3, 1, 0.1 and 0.003, plain SGD, 300 steps. Which ends lowest?", "0.1", {
            "3": "Its first step throws the weights so far that it never comes back.",
            "1": "Its steps are too long to settle.",
            "0.1": "High enough to get far in 300 steps, and low enough to settle.",
            "0.003": "It would get there, in a hundred times as many steps.",
        }),
    "falling_rate": QuestionText(
        "With momentum, 2,000 steps: how much better is a cosine than a constant rate, each at its best "
        "height?", "About half a point", {
            "It is worse: it has smaller steps": "The small steps at the end are what lets it settle.",
            "No difference": "At a constant rate the weights tremble to the end. Small steps let them settle.",
            "About half a point": "At a constant rate the weights tremble to the end. Small steps let them "
                                  "settle.",
            "About five points": "So much only where the constant rate is badly chosen.",
        }),
    "warm_up_for_whom": QuestionText(
        "Two networks, each at its own best rate. Which gains from a warm-up?",
        "The one with eight layers and no norms", {
            "The one with a single layer": "There the difference is smaller than what matters.",
            "The one with eight layers and no norms": "There too long a first step spoils all layers. The "
                                                      "gain is small, and real.",
            "Both": "With a single layer the difference is smaller than what matters.",
        }),
    "three_e_minus_four": QuestionText(
        "Photographs, a ConvNet, 500 steps. Adam at 3e-4, the rule of thumb, beside tuned SGD with momentum?",
        "About four points worse", {
            "About as good": "It is safe, since it learns. For so few steps it is too slow.",
            "About four points worse": "For so few steps it is too low. Tuned Adam is another matter.",
            "Better": "Tuned Adam may be. At 3e-4 it is too slow for so few steps.",
        }),
}
