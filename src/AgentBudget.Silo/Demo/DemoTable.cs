using System.Globalization;
using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Silo.Demo;

/// <summary>Prints what happens, as it happens, in columns.</summary>
internal sealed class DemoTable(TextWriter output, TimeProvider time)
{
    private readonly Lock _lock = new();

    internal void Headline(string text)
    {
        lock (_lock)
        {
            output.WriteLine();
            output.WriteLine(text);
            output.WriteLine();
            output.WriteLine(
                Row("time", "session", "agent", "what", "model", "tokens", "cost", "left at the tightest grain"));
            output.Flush();
        }
    }

    internal void Line(
        string session,
        string agent,
        string what,
        string model = "",
        long? tokens = null,
        Money? cost = null,
        string note = "")
    {
        string now = time.GetUtcNow().ToString("HH:mm:ss", CultureInfo.InvariantCulture);
        string count = tokens is null ? "" : tokens.Value.ToString("N0", CultureInfo.InvariantCulture);
        lock (_lock)
        {
            output.WriteLine(Row(now, Short(session), Short(agent), what, model, count, Text(cost), note));
            output.Flush();
        }
    }

    internal static string Text(Balance? left) => left switch
    {
        null => "",
        { Available: { } money } => $"{Text(money)} of {left.Grain}",
        { HasAvailableTokens: true } =>
            $"{left.AvailableTokens.ToString("N0", CultureInfo.InvariantCulture)} tokens of {left.Grain}",
        _ => "",
    };

    internal static string Text(Money? money)
    {
        if (money is null)
            return "";
        decimal amount = money.Units + (money.Nanos / (decimal)MoneyMath.NanosPerUnit);
        return string.Create(CultureInfo.InvariantCulture, $"{amount:0.0000} {money.CurrencyCode}");
    }

    private static string Row(
        string now, string session, string agent, string what, string model, string tokens, string cost, string note) =>
        $"{now,-8}  {session,-7}  {agent,-12}  {what,-9}  {model,-17}  {tokens,9}  {cost,11}  {note}".TrimEnd();

    private static string Short(string name) => name[(name.IndexOf('/', StringComparison.Ordinal) + 1)..];
}
