namespace AgentBudget.Gateway.Calls;

/// <summary>
/// Streams that are read to their end though nobody gets them any more, because their provider bills them whole and
/// tells at the end what that is. Bounded in number, in time and in bytes: one beyond the number is cut and estimated.
/// </summary>
internal static class Drains
{
    /// <summary>Bytes that are read of one; answers of text have less.</summary>
    public const long BytesMax = 16 * 1024 * 1024;

    /// <summary>How long one may still take.</summary>
    public static readonly TimeSpan TimeMax = TimeSpan.FromMinutes(2);
}
