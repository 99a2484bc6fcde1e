"""Which exercises each notebook has, in the order of the page. Light: no torch is imported here, so
that the map of the recipe can show progress.
"""

EXERCISES_OF: dict[str, tuple[str, ...]] = {
    "00_start_here": ("look_at_batch", "train_epoch", "accuracy"),
    "01_know_your_data": ("find_copies", "standardise", "split_rows"),
    "02_skeleton_and_baselines": ("cross_entropy", "constant_baseline", "evaluate"),
    "03_check_the_machinery": ("numeric_gradient", "depends_on", "linear_relu_backward",
                               "first_look"),
    "04_signals_inside": ("dead_units", "he_init", "clip_gradients", "update_ratios"),
    "05_overfit": ("overfit_batch", "convolution", "make_model", "ResidualBlock"),
    "06_optimise": ("accumulated_step", "momentum_step", "adamw_step", "lr_range_test",
                    "warmup_cosine"),
    "08_regularise_the_model": ("Dropout", "decay_groups", "smoothed_cross_entropy",
                                "EarlyStopping"),
}
