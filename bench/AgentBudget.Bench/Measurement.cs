using AgentBudget.Bench.Http2;

namespace AgentBudget.Bench;

/// <summary>One workload measured once. CPU times are null where the server's process is not known.</summary>
internal sealed record Measurement(
    string Workload,
    long Calls,
    double CallsPerSecond,
    double P50Milliseconds,
    double P99Milliseconds,
    double? ServerCpuMicrosecondsPerCall,
    double GeneratorCpuMicrosecondsPerCall,
    long Denied,
    long Failed,
    int LastFailedStatus)
{
    public static Measurement Of(
        string workload, Tally tally, double seconds, long? serverCpu, double generatorCpu) => new(
        workload,
        tally.Calls,
        tally.CallsInTime / seconds,
        tally.QuantileMilliseconds(0.50),
        tally.QuantileMilliseconds(0.99),
        tally.Calls > 0 ? serverCpu / (double)tally.Calls : null,
        tally.Calls > 0 ? generatorCpu / tally.Calls : 0,
        tally.Denied,
        tally.Failed,
        tally.LastFailedStatus);
}
