using System.Globalization;

namespace AgentBudget.Bench.Ledger;

/// <summary>Measures the ledger alone: bytes of reserve and commit beside those of their events, and time.</summary>
internal static class LedgerBench
{
    /// <summary>Prints a line for each, and answers whether neither allocated more than its events.</summary>
    public static bool Run(TextWriter output)
    {
        var path = new HotPath();
        HotPathBytes bytes = path.Measure();
        double microseconds = bytes.Elapsed.TotalMicroseconds / HotPath.CallsPerRound;
        output.WriteLine(Line("reserve", bytes.ReserveBytes, bytes.HeldEventBytes));
        output.WriteLine(Line("commit", bytes.CommitBytes, bytes.SettledEventBytes));
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"medians of rounds of {HotPath.CallsPerRound}, 12 windows on the path, {microseconds:0.0} µs for a pair"));
        return bytes.IsEventsAlone;
    }

    private static string Line(string call, long allocated, long ofEvents) => string.Create(
        CultureInfo.InvariantCulture,
        $"{call,-8} {Each(allocated),8:0.0} bytes allocated, {Each(ofEvents),8:0.0} are its event");

    private static double Each(long bytes) => (double)bytes / HotPath.CallsPerRound;
}
