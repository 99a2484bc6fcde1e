"""Questions of notebook 05."""

from recipe_widgets.course.questions import QuestionText

QUESTIONS = {
    "one_sample": QuestionText(
        "One sample, its image replaced by zeros. Where does the training loss go?", "To zero", {
            "To zero": "One sample has one label, and the biases of the last layer can give that label "
                       "without any input.",
            "To ln 10 = 2.303": "That is the loss of a guess among ten labels. Here only one label "
                                "ever occurs.",
            "It stays where it began": "Zeros stop the gradient of the first weights. They do not stop "
                                       "that of the biases.",
        }),
    "few_samples": QuestionText(
        "Twenty samples, two of each class, all images replaced by zeros. Where does the loss go?",
        "To ln 10 = 2.303", {
            "To zero": "All twenty inputs are equal now, so all twenty get the same answer. It cannot "
                       "be right for ten labels.",
            "To ln 10 = 2.303": "All inputs are equal, so all get the same answer. The best one gives "
                                "each class its share.",
            "To infinity": "The loss is measured on the training samples themselves. Training brings it "
                           "down, as far as it goes.",
        }),
    "units_for_a_batch": QuestionText(
        "64 photographs, 200 steps. How many hidden units does a network need to learn them by heart?",
        "16", {
            "2": "Two numbers for each photograph are too few, in 200 steps, to keep ten classes apart.",
            "16": "A few units are enough: each of them looks at all 3,072 numbers of a photograph.",
            "More than 100": "100 would do, and so would fewer: each unit looks at all 3,072 numbers of a "
                             "photograph.",
        }),
    "random_labels": QuestionText(
        "500 images, their labels shuffled. The training accuracy of a wide net ends at about ...",
        "100 %", {
            "10 %": "That is chance on new samples. On its own training samples it does better.",
            "50 %": "Nothing makes it stop half way.",
            "100 %": "It learns each image by heart. It has far more weights than there are labels.",
        }),
    "wide_and_few": QuestionText(
        "30 training samples. Is a net of 512 units worse on new digits than one of 64?",
        "No, about as good", {
            "Yes, clearly": "That is what the old rule says: too much capacity overfits. These networks "
                            "do not obey it.",
            "No, about as good": "Both learn the 30 samples by heart, and the wide one is no worse on "
                                 "others. More capacity is not always more overfitting.",
        }),
    "ten_layers": QuestionText(
        "Ten hidden layers on digits, He's initialisation, a learning rate of their own. They reach ...",
        "About 90 %", {
            "10 %: too deep to learn": "So it is with PyTorch's default initialisation. With He's the "
                                       "signal gets through all ten layers.",
            "About 90 %": "With He's initialisation the signal gets through. It was the start that "
                          "failed, not the depth. Two layers are still better, and faster.",
            "More than two layers": "They learn, but each layer makes training harder, and digits do "
                                    "not need ten.",
        }),
    "short_runs": QuestionText(
        "Ten settings, looked at after 40 steps and after 400. How alike are the two rankings?",
        "Alike, not equal", {
            "Not at all": "Most of what is bad is bad from the beginning: a rate that is far too low or "
                          "too high, a net that is too small.",
            "Alike, not equal": "Most of what is bad is bad from the beginning. Those that lie close "
                                "together do change places.",
            "Equal": "Those that lie close together change places, as 40 steps say little about them.",
        }),
    "three_convolutions": QuestionText(
        "An image of 32 x 32 pixels goes through three convolutions of 5 x 5, without padding. "
        "What is left?", "20 x 20", {
            "32 x 32": "Only with a padding of 2. Without padding the kernel stops at the edge.",
            "27 x 27": "That takes off 5 once. Each convolution takes off 4: two pixels on each side.",
            "20 x 20": "Each convolution takes off 4: two pixels on each side. 32, 28, 24, 20.",
        }),
    "equal_size": QuestionText(
        "Photographs, four networks of about 18,000 weights, each at its own learning rate, 600 steps. "
        "Which is best?", "LeNet's layout with BatchNorm", {
            "LeNet's layout as in 1998": "It lacks BatchNorm, and that is what makes the difference here.",
            "LeNet's layout with BatchNorm": "The old layout with the newer norm. At this size, and in so "
                                             "few steps, the newer layouts do not pay.",
            "Inception": "It beats the layout of 1998. The same layout with BatchNorm is better still.",
            "ResNet": "Residual blocks pay in deep networks. This one has eight layers.",
        }),
    "deep_and_plain": QuestionText(
        "26 layers without shortcuts, beside 8. Which has the lower loss on its TRAINING samples?",
        "8 layers", {
            "26 layers": "It could copy the small one: 18 more layers that do nothing. Training does not "
                         "find that.",
            "8 layers": "So it is no overfitting: the deep one is worse on the samples it trains on. It "
                        "is harder to train.",
        }),
}
