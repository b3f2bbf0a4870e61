using AgentBudget.Bench;

const int ExitBadCalls = 1;
const int ExitUsage = 64;

if (args is ["--help" or "-h"])
{
    Console.WriteLine(BenchOptions.Help);
    return 0;
}

BenchOptions options;
try
{
    options = BenchOptions.Parse(args);
}
catch (FormatException exception)
{
    Console.Error.WriteLine($"{exception.Message}; see --help");
    return ExitUsage;
}

using var cancellation = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    cancellation.Cancel();
};
using var silo = await Silo.StartAsync(options, cancellation.Token);
// Ids that a silo which was measured before has not seen: they count up with the clock, a million a millisecond.
ulong firstRequestId = (ulong)TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() << 20;
using var run = new BenchRun(options, silo, firstRequestId);
var result = await run.RunAsync(cancellation.Token);
Console.Write(result.ToTable());
if (options.JsonFile is not null) await File.WriteAllTextAsync(options.JsonFile, result.ToJson(), cancellation.Token);
return result.BadCalls == 0 ? 0 : ExitBadCalls;
