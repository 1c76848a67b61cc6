// mocha asks for endless stack traces, which cost seconds where a test overflows the stack on purpose.
Error.stackTraceLimit = 50;
