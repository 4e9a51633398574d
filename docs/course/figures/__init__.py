"""The pictures of the course: a module for each chapter, which draws the chapter's own arrays."""
