using Xunit.Sdk;
using Xunit.v3;

// A cluster has the machine to itself: a silo that is not scheduled for seconds is taken for dead.
[assembly: Parallelization(Mode = ParallelMode.None)]
