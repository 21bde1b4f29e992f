# Trains ranger's forest for each line of the input, and answers as clock.py does.
#
#     Rscript forest.R FOLDER WORK THREADS
#
# The table is read from the CSV that the runner writes, because R reads no .npy.
suppressMessages(library(ranger))
args <- commandArgs(trailingOnly = TRUE)
folder <- args[1]
kind <- sub("forest_training:", "", args[2])
threads <- as.integer(args[3])
train <- read.csv(file.path(folder, "x20_train.csv"))
test <- read.csv(file.path(folder, "x20_test.csv"))
target <- if (kind == "classes") "class" else "value"
other <- if (kind == "classes") "value" else "class"
train[[other]] <- NULL
if (kind == "classes") train$class <- factor(train$class)
features <- ncol(train) - 1
mtry <- if (kind == "classes") floor(sqrt(features)) else floor(features / 3)
input <- file("stdin", "r")
turn <- 0
while (length(readLines(input, 1)) > 0) {
  turn <- turn + 1
  time <- system.time(forest <- ranger(
    dependent.variable.name = target, data = train, num.trees = 100, mtry = mtry,
    min.node.size = 1, num.threads = threads, seed = turn, oob.error = FALSE,
    verbose = FALSE
  ))
  cpu <- time[["user.self"]] + time[["sys.self"]]
  cat(sprintf('{"cpu": %.6f, "wall": %.6f}\n', cpu, time[["elapsed"]]))
  flush(stdout())
}
peak <- as.numeric(gsub("[^0-9]", "", grep("VmHWM", readLines("/proc/self/status"), value = TRUE)))
predicted <- predict(forest, test, num.threads = threads, verbose = FALSE)$predictions
score <- if (kind == "classes") mean(as.character(predicted) == as.character(test$class)) else
  1 - mean((predicted - test$value)^2) / mean((test$value - mean(test$value))^2)
cat(sprintf('{"peak_kib": %d, "score": %.6f}\n', as.integer(peak), score))
