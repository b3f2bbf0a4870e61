namespace AgentBudget.Simulation.Core;

/// <summary>
/// A fingerprint of all that happened, in order: two runs with the same one did the same (FNV-1a over 64-bit words).
/// </summary>
internal sealed class TraceHash
{
    private ulong _value = 0xCBF2_9CE4_8422_2325;

    public ulong Value => _value;

    public void Add(long word) => _value = (_value ^ (ulong)word) * 0x0000_0100_0000_01B3 ^ (_value >> 29);

    public void Add(string text)
    {
        foreach (char letter in text) Add(letter);
        Add(text.Length);
    }
}
