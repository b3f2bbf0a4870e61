using System.Diagnostics;
using System.Net;

namespace AgentBudget.Bench;

/// <summary>A child process, AgentBudget.Bench.Edge, that serves one call by Kestrel alone and by the edge.</summary>
internal sealed class EdgeServer : IDisposable
{
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(15);

    private readonly Process _process;

    private EdgeServer(Process process, IPEndPoint bare, IPEndPoint edge)
    {
        _process = process;
        Bare = bare;
        Edge = edge;
    }

    public IPEndPoint Bare { get; }

    public IPEndPoint Edge { get; }

    public int ProcessId => _process.Id;

    public static async Task<EdgeServer> StartAsync(BenchOptions options, CancellationToken cancellationToken)
    {
        string root = Repository.Root();
        if (!options.SkipsBuild)
            await Repository.BuildAsync(Path.Combine("bench", "AgentBudget.Bench.Edge"), cancellationToken);
        string program = Path.Combine(
            root, "artifacts", "bin", "AgentBudget.Bench.Edge", "release", "AgentBudget.Bench.Edge.dll");
        var start = new ProcessStartInfo("dotnet", [program])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        var process = Process.Start(start) ?? throw new InvalidOperationException("the edge did not start");
        string? line = await process.StandardOutput.ReadLineAsync(cancellationToken);
        if (line?.Split(' ') is not [string bare, string edge])
            throw new InvalidOperationException($"the edge did not start: {line}");
        return new EdgeServer(process, IPEndPoint.Parse(bare), IPEndPoint.Parse(edge));
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(StopPatience)) _process.Kill();
        _process.Dispose();
    }
}
