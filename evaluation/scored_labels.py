"""What the scores need of the label table, as arrays over label ids 0..33 and categories."""

import numpy as np
from cityscapesscripts.helpers.labels import category2labels, id2label

from data.labels import HIGHEST_LABEL_ID

IDS = HIGHEST_LABEL_ID + 1  # 34
LABELS = [id2label[number] for number in range(IDS)]
NAMES = tuple(label.name for label in LABELS)
SCORED = np.array([not label.ignoreInEval for label in LABELS])  # [34]
WITH_INSTANCES = np.array([label.hasInstances for label in LABELS])  # [34]

CATEGORIES = tuple(category2labels)  # 8, "void" first
CATEGORY_OF = np.array([CATEGORIES.index(label.category) for label in LABELS])  # [34] label id -> category
MEMBERS = np.equal.outer(range(len(CATEGORIES)), CATEGORY_OF)  # [8, 34]
SCORED_CATEGORIES = (MEMBERS & SCORED).any(axis=1)  # [8]
# an instance-weighted score exists only where every label of the category has instances
INSTANCE_CATEGORIES = (WITH_INSTANCES | ~MEMBERS).all(axis=1)  # [8]
