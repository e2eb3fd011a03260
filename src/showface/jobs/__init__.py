"""Many pictures: what there is to do, doing it on several cores, and a report to go on from."""
