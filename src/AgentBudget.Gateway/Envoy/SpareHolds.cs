using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Gateway.Envoy;

/// <summary>
/// One hold of each session and price, on which hits are settled that come when its budget is used up: of calls that
/// were under way. It is taken under a name that follows from what it is, so a gateway that starts anew finds it again.
/// </summary>
internal sealed class SpareHolds(TimeProvider time)
{
    private const int HoldsMax = 10_000;

    /// <summary>A call may take so long. What comes later is settled on it too, as late.</summary>
    private static readonly TimeSpan Ttl = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<string, Spare> _spares = new(StringComparer.Ordinal);

    /// <summary>Sees to it that there is one, where the budget has room for it.</summary>
    public async Task KeepAsync(HitCall call, CancellationToken cancellation)
    {
        string id = IdOf(call);
        int turn = 0;
        if (_spares.TryGetValue(id, out Spare? known))
        {
            if (!known.IsUsed && time.GetElapsedTime(known.SinceTicks) < Ttl / 2) return;
            turn = known.Turn + 1;
        }

        // One that is refused is remembered by its name, so it is asked for only where there is room.
        ReserveTokensRequest question = Request(call, id, turn);
        question.DryRun = true;
        ReserveTokensResponse answer = await call.Client.ReserveAsync(question, cancellation);
        if (answer.Decision is Decision.Allow or Decision.AllowDowngraded)
            await TakeAsync(call, id, turn, cancellation);
    }

    /// <summary>The one that there is; null where there is none and no room for one.</summary>
    public async Task<string?> FindAsync(HitCall call)
    {
        string id = IdOf(call);
        if (_spares.TryGetValue(id, out Spare? known)) return known.Reservation;
        return (await TakeAsync(call, id, turn: 0, CancellationToken.None))?.Reservation;
    }

    /// <summary>Says that hits were settled on it, so that the next one that fits takes another.</summary>
    public void Used(HitCall call)
    {
        string id = IdOf(call);
        if (_spares.TryGetValue(id, out Spare? known)) _spares[id] = known with { IsUsed = true };
    }

    private async Task<Spare?> TakeAsync(HitCall call, string id, int turn, CancellationToken cancellation)
    {
        ReserveTokensResponse answer = await call.Client.ReserveAsync(Request(call, id, turn), cancellation);
        if (answer.Decision is not (Decision.Allow or Decision.AllowDowngraded)) return null;
        Spare spare = new(answer.Reservation.ReservationId, turn, time.GetTimestamp());
        if (_spares.Count >= HoldsMax) Forget();
        _spares[id] = spare;
        return spare;
    }

    private void Forget()
    {
        foreach ((string id, Spare spare) in _spares)
        {
            if (time.GetElapsedTime(spare.SinceTicks) > Ttl) _spares.TryRemove(id, out _);
        }

        // Still too many: the oldest half has the least to come.
        int tooMany = _spares.Count - (HoldsMax / 2);
        foreach ((string id, _) in _spares.OrderBy(spare => spare.Value.SinceTicks).Take(tooMany))
            _spares.TryRemove(id, out _);
    }

    private static ReserveTokensRequest Request(HitCall call, string id, int turn)
    {
        ReserveTokensRequest request = call.Request(call.Rule.Hold);
        request.RequestId = $"envoy-{id}-{turn}";
        request.Ttl = Duration.FromTimeSpan(Ttl);
        return request;
    }

    private static string IdOf(HitCall call)
    {
        string text = string.Join(
            '\n', call.Spender.Session, call.Target.Model, call.Target.Unit, call.Target.Sku, call.Rule.Hold);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..32];
    }

    private sealed record Spare(string Reservation, int Turn, long SinceTicks, bool IsUsed = false);
}
