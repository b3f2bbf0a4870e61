using System.Globalization;
using System.Text;

namespace AgentBudget.Bench;

/// <summary>What open sessions weigh: the silo's resident memory before and after they are opened.</summary>
internal sealed class MemoryRun(BenchOptions options, Silo silo, ulong firstRequestId)
{
    private const string Tenant = "bench-memory";
    private const double BytesPerMegabyte = 1_000_000;

    private long _before;
    private long _after;
    private long _most;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (silo.ProcessId is not { } processId) throw new InvalidOperationException("--memory needs the silo's --pid");
        using var setUp = new SetUp(silo, $"bench-{firstRequestId:x}");
        _before = Resident(processId, "VmRSS:");
        await setUp.OpenAsync(Tenant, options.Sessions, cancellationToken);
        _after = Resident(processId, "VmRSS:");
        _most = Resident(processId, "VmHWM:");
    }

    public string ToTable()
    {
        double perSession = (double)(_after - _before) / options.Sessions;
        return new StringBuilder()
            .AppendLine(CultureInfo.InvariantCulture, $"{options.Sessions} sessions open")
            .Append(CultureInfo.InvariantCulture, $"resident before {Megabytes(_before)}, after {Megabytes(_after)}, ")
            .AppendLine(CultureInfo.InvariantCulture, $"at most {Megabytes(_most)}; {perSession:N0} bytes a session")
            .AppendLine("what the collector has not yet taken back is in these numbers")
            .ToString();
    }

    private static string Megabytes(long bytes) =>
        string.Create(CultureInfo.InvariantCulture, $"{bytes / BytesPerMegabyte:N0} MB");

    // proc(5), status: "VmRSS:   214516 kB".
    private static long Resident(int processId, string name)
    {
        const long BytesPerKilobyte = 1024;
        string line = File.ReadLines($"/proc/{processId.ToString(CultureInfo.InvariantCulture)}/status")
            .First(line => line.StartsWith(name, StringComparison.Ordinal));
        return long.Parse(line[name.Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture)
            * BytesPerKilobyte;
    }
}
