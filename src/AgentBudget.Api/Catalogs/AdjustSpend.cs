using System.Diagnostics;
using AgentBudget.Api.Access;
using AgentBudget.Api.Errors;
using AgentBudget.Api.Reports;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Api.Catalogs;

/// <summary>
/// AdjustSpend and ResetBudget: validate, find what a reservation settled, correct, answer the grain before and after.
/// </summary>
internal sealed class AdjustSpend(ApiContext context)
{
    internal async ValueTask<ResetBudgetResponse> ResetAsync(ResetBudgetRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        FieldChecks.RequestId(ref faults, request.RequestId);
        FieldChecks.Grain(ref faults, "grain", request.Grain);
        FieldChecks.Text(ref faults, "reason", request.Reason, charsMin: 1);
        if (request.Window.Length > 0 && !FieldRules.IsWord(request.Window))
            faults.Add("window", "must be the name of a window such as month");
        faults.ThrowIfAny();
        Answer answer = await context.SubmitAsync(
            context.Callers.TenantOf(call), new ResetBudgetCommand(request, CallerScope.CallerOf(call).Principal));
        BudgetReset reset = answer.Event!.BudgetReset
            ?? throw new UnreachableException($"a reset is not answered by {answer.Event.FactCase}");
        return new ResetBudgetResponse { Before = reset.Before, After = reset.After };
    }

    internal async ValueTask<AdjustSpendResponse> AdjustAsync(AdjustSpendRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        Check(request, ref faults);
        faults.ThrowIfAny();
        string tenant = context.Callers.TenantOf(call);
        AdjustedReservation? reservation = request.ReservationId.Length == 0
            ? null
            : await FindAsync(tenant, request.ReservationId, call.Cancellation);
        Answer answer = await context.SubmitAsync(
            tenant, new AdjustSpendCommand(request, reservation, CallerScope.CallerOf(call).Principal));
        SpendAdjusted adjusted = answer.Event!.SpendAdjusted
            ?? throw new UnreachableException($"an adjustment is not answered by {answer.Event.FactCase}");
        return new AdjustSpendResponse { Before = adjusted.Before, After = adjusted.After };
    }

    // The ledger keeps no settled reservations in memory: what one settled is read where it is written.
    private async ValueTask<AdjustedReservation> FindAsync(
        string tenant, string id, CancellationToken cancellationToken)
    {
        if (!context.Reservations.TryRead(id, tenant, out long number, out long session, out bool isFormer))
            throw ApiErrors.ReservationNotFound();
        Spender? spender = null;
        long nanos = 0;
        long tokens = 0;
        string model = "";
        Timestamp? settleTime = null;
        if (number <= await context.Host.DurableSequenceAsync(tenant, cancellationToken))
            await WholeLedger.ReadAsync(context, tenant, number, Accept, cancellationToken);
        bool isNamed = spender is not null && (isFormer || spender.Session == Names.Session(session));
        return isNamed
            ? new AdjustedReservation(number, spender!, nanos, tokens, model, settleTime)
            : throw ApiErrors.ReservationNotFound();

        void Accept(LedgerEvent ledgerEvent)
        {
            if (ledgerEvent.Sequence == number && ledgerEvent.ReservationHeld is not null)
                spender = ledgerEvent.Spender;
            if (ledgerEvent.ReservationSettled is not { } settled || settled.Reservation != number)
                return;
            model = settled.Model;
            settleTime = ledgerEvent.Time;
            nanos += settled.CostNanos - (settled.ExpiryCharge?.CostNanos ?? 0);
            tokens += settled.Tokens - (settled.ExpiryCharge?.Tokens ?? 0);
        }
    }

    private static void Check(AdjustSpendRequest request, ref FieldFaults faults)
    {
        FieldChecks.RequestId(ref faults, request.RequestId);
        FieldChecks.Text(ref faults, "reason", request.Reason, charsMin: 1);
        if ((request.Grain.Length == 0) == (request.ReservationId.Length == 0))
            faults.Add("grain", "must be given, or reservation_id: exactly one of them");
        else if (request.Grain.Length > 0)
            FieldChecks.Grain(ref faults, "grain", request.Grain);
        bool isCredit = request.Amount is { Units: < 0 } or { Nanos: < 0 } || request.Tokens < 0;
        Money? size = request.Amount?.Clone();
        if (size is not null && isCredit)
            (size.Units, size.Nanos) = (size.Units == long.MinValue ? long.MinValue : -size.Units, -size.Nanos);
        FieldChecks.Money(ref faults, "amount", size, isZeroRight: request.Tokens != 0);
        if (Math.Abs((decimal)request.Tokens) > FieldRules.CountMax)
            faults.Add("tokens", $"must be at most {FieldRules.CountMax}");
        else if (isCredit && request.Tokens > 0)
            faults.Add("tokens", "must have the sign of amount");
        if (request.Amount is null && request.Tokens == 0)
            faults.Add("amount", "must be given, or tokens, or both");
    }
}
