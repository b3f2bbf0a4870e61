using System.Collections.Concurrent;

namespace AgentBudget.Gateway.Dialects;

/// <summary>
/// How many tokens a byte of a model's input makes at most, learnt from what the provider counted. A hold takes the
/// highest that was seen lately and a quarter more, an estimate what is usual.
/// </summary>
internal sealed class InputMargin
{
    private const double StartMost = 0.5;      // A token of two bytes: dense text in any script.
    private const double StartUsual = 0.25;    // A token of four bytes: English.
    private const double Margin = 1.25;
    private const double Least = 0.2;
    private const double Most = 1.0;           // A token has at least one byte.
    private const double Decay = 0.02;
    private const int BytesMin = 2_000;        // Below, what a provider adds by itself decides.
    private const int OverheadTokens = 64;     // What a provider adds to any call.
    private const int ModelsMax = 10_000;

    private readonly ConcurrentDictionary<string, Rates> _rates = new(StringComparer.Ordinal);

    /// <summary>The most tokens that a call's text and media are.</summary>
    /// <param name="model">The model asked for.</param>
    /// <param name="size">The input.</param>
    /// <param name="windowTokens">More than that media cannot be, because nothing reads more.</param>
    public long MostOf(string model, InputSize size, long windowTokens)
    {
        double rate = _rates.TryGetValue(model, out Rates? known) ? known.Most : StartMost;
        long text = OverheadTokens + (long)Math.Ceiling(size.TextBytes * rate);
        long media = Math.Min((long)(size.MediaBytes * StartMost), windowTokens);
        long seen = text + size.Tokens + media + (size.Images * InputSize.ImageTokens);
        return size.IsPartlyElsewhere ? Math.Max(seen, windowTokens) : seen;
    }

    /// <summary>What a call's input is when nobody counted it; never nothing.</summary>
    public long UsualOf(string model, InputSize size)
    {
        double rate = _rates.TryGetValue(model, out Rates? known) ? known.Usual : StartUsual;
        return 1 + (long)((size.TextBytes + size.MediaBytes) * rate) + size.Tokens
            + (size.Images * InputSize.ImageTokens / 2);
    }

    /// <summary>Learns from one call of text alone.</summary>
    public void Learn(string model, InputSize size, long tokens)
    {
        bool isText = size is { Tokens: 0, MediaBytes: 0, Images: 0, IsPartlyElsewhere: false };
        if (!isText || size.TextBytes < BytesMin) return;
        if (_rates.Count >= ModelsMax && !_rates.ContainsKey(model)) return;
        double seen = (double)tokens / size.TextBytes;
        _rates.AddOrUpdate(
            model,
            _ => new Rates(Math.Clamp(Math.Max(StartMost, seen * Margin), Least, Most), Math.Min(seen, Most)),
            (_, known) => new Rates(
                Math.Clamp(Math.Max(seen * Margin, known.Most + (((seen * Margin) - known.Most) * Decay)), Least, Most),
                Math.Min(known.Usual + ((seen - known.Usual) * Decay), Most)));
    }

    private sealed record Rates(double Most, double Usual);
}
