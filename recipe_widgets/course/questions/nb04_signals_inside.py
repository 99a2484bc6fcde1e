"""Questions of notebook 04."""

from recipe_widgets.course.questions import QuestionText

QUESTIONS = {
    "sigmoid_at_ten": QuestionText(
        "Sigmoid, inputs with a std of 10. Which share of them passes almost no gradient (a slope below "
        "0.05)?", "About three quarters", {
            "About a tenth": "The slope is below 0.05 as soon as an input is beyond 3 on either side, and "
                             "most inputs are.",
            "About half": "More. The slope is below 0.05 as soon as an input is beyond 3 on either side.",
            "About three quarters": "The slope is below 0.05 beyond 3 on either side. Of inputs with a std "
                                    "of 10 that is most.",
        }),
    "one_sign": QuestionText(
        "A network with sigmoid, a batch of 64 digits before training. For which share of the units of the "
        "second layer do all weight gradients have one sign?", "About half", {
            "All": "That is so for a single sample. A batch has errors of both signs, and their sum is often "
                   "mixed.",
            "About half": "For one sample it is all of them; in the sum over a batch errors of both signs "
                          "meet.",
            "None": "It is less than for a single sample, but still many: the outputs of a sigmoid hardly "
                    "differ between samples.",
        }),
    "slope_left": QuestionText(
        "A layer of sigmoids whose weights are ten times as large as Xavier's. How much is left of the mean "
        "slope, which is 0.25 at best?", "About 0.03", {
            "About 0.2": "That is so at Xavier's own size.",
            "About 0.03": "Nearly all outputs are next to 0 or 1, and a·(1 - a) is next to 0 there.",
            "Below 0.001": "Not all units are far out: the sums are spread around 0, and some stay near it.",
        }),
    "dying_rate": QuestionText(
        "Digits, one hidden layer of 64 ReLU units, 200 steps. From which learning rate on is more than half "
        "of the layer dead?", "1", {
            "0.1": "At 0.1 none dies. It is a sound rate for this network.",
            "0.5": "At 0.5 some die, and the others go on learning.",
            "1": "On digits it is about 1. On photographs, with more pixels, all units are dead at 0.5.",
        }),
    "xavier_and_root": QuestionText(
        "A layer has 128 inputs and 128 units. How do Xavier's std and 1/√n compare?", "They are equal", {
            "Xavier's is larger": "√(2/(128 + 128)) is √(1/128).",
            "They are equal": "√(2/(128 + 128)) is √(1/128). They differ only where a layer has more inputs "
                              "than outputs, or fewer.",
            "Xavier's is smaller": "√(2/(128 + 128)) is √(1/128).",
        }),
    "deep_sigmoid": QuestionText(
        "Four hidden layers of sigmoids, each start at its best rate. Which start learns best in 200 steps?",
        "4 Xavier", {
            "Xavier": "Each layer multiplies the gradient by about a quarter, so that next to nothing "
                      "arrives at the first.",
            "4 Xavier": "Four times the weights make up for a slope of a quarter.",
            "N(0, 1)": "It does learn, better than from Xavier's start. But many units are saturated.",
        }),
    "norm_start": QuestionText(
        "Under which start does batch normalisation gain most?", "A bad one", {
            "A bad one": "It brings each layer back to a std of 1, whatever the weights are.",
            "A good one": "There the signal has the right size already.",
            "Both alike": "A good start already does much of what the norm does.",
        }),
    "radius_half": QuestionText(
        "Spectral radius 0.5, 28 steps. How much of the gradient is left at the first row?",
        "Less than a millionth", {
            "About a half": "It is halved, or worse, at every step, and there are 28.",
            "About a thousandth": "That would be ten steps: 0.5 to the power of 10.",
            "Less than a millionth": "0.5 to the power of 28 is four billionths.",
        }),
    "clip_ways": QuestionText(
        "An exploding recurrent network, each way at its own best learning rate. Which does worst?",
        "Not clipped", {
            "Not clipped": "A rate that survives the largest gradients is far too low for all others.",
            "Scaled to 1": "Where each way has its own rate, the threshold hardly matters.",
            "Divided by its norm above 10": "Its jump from 10 to 1 is a flaw. Yet at a rate of its own it "
                                            "trains about as well here.",
        }),
    "ratio_at_best": QuestionText(
        "At the learning rate with the lowest loss, how large is a step, relative to the weights?",
        "About 1e-2 or more", {
            "About 1e-4": "That is a very low rate: after 200 steps little has changed.",
            "About 1e-3": "That is the rule of thumb. In a short training of a small network the best steps "
                          "are larger.",
            "About 1e-2 or more": "In 200 steps a network must move far. The rule of thumb, 1e-3, comes from "
                                  "longer trainings.",
        }),
    "sound_curve": QuestionText(
        "Which of the six runs is the sound one?", "D", {
            "A": "It ends above where it began: the rate is far too high.",
            "C": "That one is full of noise: each batch is a single image.",
            "D": "It falls fast at first, then ever more slowly, with a noise that stays small beside the "
                 "fall.",
            "E": "It jumps: several linear layers in a row, at a high rate.",
        }),
}
