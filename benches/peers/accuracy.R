# Trains ranger's forests on rows that the runner wrote, as accuracy.py does with other libraries.
#
#     Rscript accuracy.R FOLDER CLASSES SEED...
suppressMessages(library(ranger))
args <- commandArgs(trailingOnly = TRUE)
classes <- as.integer(args[2])

# A .npy file of float64 in C order: 10 bytes, of which the last two are the header's length.
npy <- function(path) {
  file <- file(path, "rb")
  on.exit(close(file))
  start <- readBin(file, "raw", 10)
  header <- readChar(file, as.integer(start[9]) + 256L * as.integer(start[10]))
  shape <- regmatches(header, regexpr("\\([^)]*\\)", header))
  shape <- as.integer(regmatches(shape, gregexpr("[0-9]+", shape))[[1]])
  stopifnot(grepl("'<f8'", header), grepl("'fortran_order': False", header))
  values <- readBin(file, "double", prod(shape), endian = "little")
  if (length(shape) == 2) matrix(values, shape[1], shape[2], byrow = TRUE) else values
}

for (seed in args[-(1:2)]) {
  folder <- file.path(args[1], seed)
  x <- npy(file.path(folder, "x_train.npy"))
  y <- npy(file.path(folder, "y_train.npy"))
  test <- npy(file.path(folder, "x_test.npy"))
  colnames(x) <- colnames(test) <- paste0("x", seq_len(ncol(x)))
  if (classes > 0) y <- factor(y, levels = 0:(classes - 1))
  mtry <- if (classes > 0) floor(sqrt(ncol(x))) else max(1, floor(ncol(x) / 3))
  forest <- ranger(
    x = x, y = y, num.trees = 100, mtry = mtry, min.node.size = 1, probability = classes > 0,
    num.threads = 1, seed = as.integer(seed) + 1L, oob.error = FALSE,
    verbose = FALSE
  )
  predicted <- predict(forest, test, num.threads = 1, verbose = FALSE)$predictions
  if (classes > 0) predicted <- t(predicted[, as.character(0:(classes - 1))])
  writeBin(as.double(predicted), file.path(folder, "predictions.bin"), endian = "little")
  cat(sprintf('{"seed": %s, "version": "ranger %s"}\n', seed, packageVersion("ranger")))
  flush(stdout())
}
