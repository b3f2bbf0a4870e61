using AgentBudget.Audit;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Silo.Verify;

/// <summary>An audit's report for people.</summary>
internal static class VerifyText
{
    private const int GrainsMax = 20; // A screen; a tenant can have thousands.

    internal static void Write(TextWriter output, AuditReport report)
    {
        AuditTotals totals = report.Totals;
        output.WriteLine();
        output.WriteLine($"tenant {report.Tenant}");
        output.WriteLine($"  events    {report.Events:N0} in {report.Groups:N0} groups, {TimesOf(report)}");
        output.WriteLine($"  head      {report.HeadHash}");
        output.WriteLine(
            $"  settled   {Money(report, totals.SettledNanos)}, {totals.SettledTokens:N0} tokens; "
            + $"{Money(report, totals.OverrunNanos)} of it above what was held");
        output.WriteLine(
            $"  held      {Money(report, totals.HeldNanos)}, {totals.HeldTokens:N0} tokens "
            + $"in {totals.OpenHolds:N0} holds");
        output.WriteLine($"  decisions {totals.Granted:N0} granted, {totals.Refused:N0} refused");
        output.WriteLine($"  sessions  {totals.Sessions:N0} opened, {totals.OpenSessions:N0} open");
        WriteCheckpoints(output, report);
        WriteGrains(output, report);
        WriteFindings(output, report);
    }

    private static void WriteCheckpoints(TextWriter output, AuditReport report)
    {
        LedgerCheckpoint? last =
            report.Checkpoints.Select(result => result.Checkpoint).MaxBy(signed => signed.Sequence);
        if (last is null)
        {
            output.WriteLine("  signed    nothing to compare with");
            return;
        }

        int confirmed = report.Checkpoints.Count(result => result.State == CheckpointState.Confirmed);
        output.WriteLine(
            $"  signed    {confirmed:N0} of {report.Checkpoints.Count:N0} checkpoints confirmed, the last one of event "
            + $"{last.Sequence:N0}, signed at {Show(last.IssueTime)}");
    }

    private static void WriteGrains(TextWriter output, AuditReport report)
    {
        AuditBalance[] used = [.. report.Balances.Where(balance => balance.LifetimeNanos > 0 || balance.HeldNanos > 0)];
        foreach (AuditBalance balance in used.Take(GrainsMax))
        {
            string cap = balance.HardCapNanos is { } nanos ? $"hard cap {Money(report, nanos)}" : "no limit";
            output.WriteLine(
                $"    {balance.Account}: settled {Money(report, balance.SettledNanos)}, "
                + $"held {Money(report, balance.HeldNanos)}, {cap}; ever {Money(report, balance.LifetimeNanos)}");
        }

        if (used.Length > GrainsMax) output.WriteLine($"    and {used.Length - GrainsMax:N0} more");
    }

    private static void WriteFindings(TextWriter output, AuditReport report)
    {
        if (report.IsClean)
        {
            output.WriteLine("  clean: every rule holds");
            return;
        }

        output.WriteLine($"  WRONG: {report.FindingsFound:N0} findings, first at event {report.Findings[0].Sequence}");
        foreach (AuditFinding finding in report.Findings)
        {
            output.WriteLine(
                $"    event {finding.Sequence}, group {finding.Group}, rule {finding.Rule.Id}: {finding.Sentence}");
        }

        if (report.FindingsFound > report.Findings.Count)
            output.WriteLine($"    and {report.FindingsFound - report.Findings.Count:N0} more");
    }

    private static string TimesOf(AuditReport report) => report.FirstTime is null
        ? "no time"
        : $"{Show(report.FirstTime)} to {Show(report.LastTime!)}";

    private static string Show(Timestamp time) => time.ToString().Trim('"');

    // A decimal has 28 digits: enough for every sum of 64-bit amounts of less than a billion billion units.
    private static string Money(AuditReport report, Int128 nanos) =>
        $"{report.Currency} {(decimal)nanos / 1_000_000_000m:#,0.00#######}";
}
