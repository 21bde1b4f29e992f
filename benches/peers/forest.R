# Times ranger, and prints one line of JSON as works.py does.
#
#     Rscript forest.R FOLDER WORK THREADS REPEATS
#
# The table is read from the CSV that the runner writes, because R reads no .npy.
suppressMessages(library(ranger))
args <- commandArgs(trailingOnly = TRUE)
folder <- args[1]
kind <- sub("forest_training:", "", args[2])
threads <- as.integer(args[3])
repeats <- as.integer(args[4])
train <- read.csv(file.path(folder, "x20_train.csv"))
test <- read.csv(file.path(folder, "x20_test.csv"))
target <- if (kind == "classes") "class" else "value"
other <- if (kind == "classes") "value" else "class"
train[[other]] <- NULL
if (kind == "classes") train$class <- factor(train$class)
features <- ncol(train) - 1
mtry <- if (kind == "classes") floor(sqrt(features)) else floor(features / 3)
cpu <- wall <- numeric(repeats)
for (i in seq_len(repeats)) {
  time <- system.time(forest <- ranger(
    dependent.variable.name = target, data = train, num.trees = 100, mtry = mtry,
    min.node.size = 1, num.threads = threads, seed = i, oob.error = FALSE
  ))
  cpu[i] <- time[["user.self"]] + time[["sys.self"]]
  wall[i] <- time[["elapsed"]]
}
predicted <- predict(forest, test, num.threads = threads)$predictions
score <- if (kind == "classes") mean(as.character(predicted) == as.character(test$class)) else
  1 - mean((predicted - test$value)^2) / mean((test$value - mean(test$value))^2)
peak <- as.numeric(gsub("[^0-9]", "", grep("VmHWM", readLines("/proc/self/status"), value = TRUE)))
numbers <- function(x) paste(format(x, digits = 15), collapse = ", ")
cat(sprintf(
  '{"cpu": [%s], "wall": [%s], "peak_kib": %d, "score": %.6f}\n',
  numbers(cpu), numbers(wall), as.integer(peak), score
))
