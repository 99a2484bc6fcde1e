"""Every public function and command with arguments that nobody means: only clear errors may come
back.
"""
