using System.Globalization;

namespace AgentBudget.Api.Edge.Checks;

/// <summary>Reads <c>grpc-timeout</c> as its protocol has it: at most eight digits and a unit.</summary>
internal static class GrpcTimeout
{
    private const int DigitsMax = 8;

    /// <summary>Whether it can be read, and whether it lets a call run at all.</summary>
    internal static bool TryParse(string text, out bool isOver)
    {
        isOver = false;
        if (text.Length is < 2 or > DigitsMax + 1 || text[^1] is not ('H' or 'M' or 'S' or 'm' or 'u' or 'n'))
            return false;
        if (!int.TryParse(text.AsSpan()[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out int value))
            return false;
        isOver = value == 0;
        return true;
    }
}
