using AgentBudget.Api.Access;
using AgentBudget.Api.Errors;
using AgentBudget.Identity;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Api.Identities;

/// <summary>RotateSigningKey: another key signs, and every tenant's ledger says so.</summary>
internal sealed class RotateSigningKey(ApiContext context, KeyRing keys, TimeProvider time)
{
    /// <summary>A session lives at most 30 days, and its token with it.</summary>
    private const long OverlapSecondsMax = 31L * 24 * 3600;

    private static readonly TimeSpan OverlapDefault = TimeSpan.FromHours(24);

    internal async ValueTask<RotateSigningKeyResponse> HandleAsync(RotateSigningKeyRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        FieldChecks.RequestId(ref faults, request.RequestId);
        FieldChecks.Text(ref faults, "reason", request.Reason, charsMin: 1);
        bool isOverlap = request.Overlap is null
            || (request.Overlap.Seconds is >= 0 and <= OverlapSecondsMax && request.Overlap.Nanos == 0);
        if (!isOverlap)
            faults.Add("overlap", "must be 0 s to 31 days, in whole seconds");
        faults.ThrowIfAny();

        Caller caller = CallerScope.CallerOf(call);
        TimeSpan overlap = request.Overlap?.ToTimeSpan() ?? OverlapDefault;
        KeyRotation rotation = await RotateAsync(request, overlap);
        SigningKeyRotated rotated = new()
        {
            KeyId = rotation.KeyId,
            RetiredKeyId = rotation.RetiredKeyId,
            RetireTime = new Timestamp { Seconds = rotation.RetireSeconds },
            Reason = request.Reason,
        };
        foreach (string tenant in context.Host.Tenants)
        {
            await context.SubmitAsync(
                tenant, new RecordKeyRotationCommand(request.RequestId, rotated, caller.Principal));
        }

        return new RotateSigningKeyResponse
        {
            KeyId = rotated.KeyId,
            RetiredKeyId = rotated.RetiredKeyId,
            RetireTime = rotated.RetireTime,
        };
    }

    private async ValueTask<KeyRotation> RotateAsync(RotateSigningKeyRequest request, TimeSpan overlap)
    {
        DateTimeOffset now = time.GetUtcNow();
        if (request.EndKeyId.Length > 0 && request.EndKeyId != keys.Current.KeyId)
        {
            if (await keys.EndAsync(request.RequestId, request.EndKeyId, now, overlap) is { } end)
                return end;
            FieldFaults faults = default;
            faults.Add("end_key_id", "must be a key whose tokens are taken: /oauth2/jwks has them");
            throw faults.ToException();
        }

        return await keys.RotateAsync(request.RequestId, now, overlap)
            ?? throw ErrorMap.Of(Ledger.Outcome.BoundReached);
    }
}
