using System.Diagnostics;
using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Budgets;

/// <summary>
/// What a caller is told about an event of a reservation. Events are shared: nothing of them is changed.
/// </summary>
internal static class ReservationViews
{
    internal static ReserveTokensResponse Reserved(LedgerEvent ledgerEvent, string id, string currency) =>
        ledgerEvent.FactCase switch
        {
            LedgerEvent.FactOneofCase.ReservationHeld => Held(ledgerEvent.ReservationHeld, id, currency),
            LedgerEvent.FactOneofCase.ReservationRefused => Refused(ledgerEvent.ReservationRefused, currency),
            _ => throw new UnreachableException($"a reserve is not answered by {ledgerEvent.FactCase}"),
        };

    internal static AmendReservationResponse Amended(LedgerEvent ledgerEvent, string id, string currency)
    {
        if (ledgerEvent.FactCase == LedgerEvent.FactOneofCase.ReservationRefused)
        {
            ReservationRefused refused = ledgerEvent.ReservationRefused;
            return new AmendReservationResponse
            {
                Decision = Decision.Deny,
                Denial = DenialOf(refused, currency),
                Balance = BalanceOf(refused.Left, currency),
            };
        }

        ReservationAmended amended = ledgerEvent.ReservationAmended
            ?? throw new UnreachableException($"an amendment is not answered by {ledgerEvent.FactCase}");
        return new AmendReservationResponse
        {
            Decision = amended.RequestedModel.Length > 0 ? Decision.AllowDowngraded : Decision.Allow,
            Reservation = new Reservation
            {
                ReservationId = id,
                Model = amended.Model,
                Tokens = amended.Tokens,
                Cost = MoneyMath.ToMoney(amended.CostNanos, currency),
                ExpireTime = amended.ExpireTime,
                PriceVersion = amended.PriceVersion,
            },
            Balance = BalanceOf(amended.Left, currency),
            TiersHeld = { amended.TiersHeld },
        };
    }

    internal static CommitTokensResponse Settled(LedgerEvent ledgerEvent, string currency)
    {
        ReservationSettled settled = ledgerEvent.ReservationSettled
            ?? throw new UnreachableException($"a commit is not answered by {ledgerEvent.FactCase}");
        CommitTokensResponse response = new()
        {
            Settled = AmountOf(settled.Tokens, settled.CostNanos, currency),
            Late = settled.Late,
            Balance = BalanceOf(settled.Left, currency),
        };
        if (settled.OverrunNanos > 0 || settled.OverrunTokens > 0)
            response.Overrun = AmountOf(settled.OverrunTokens, settled.OverrunNanos, currency);
        if (settled.Disputed)
            response.Disputed = AmountOf(settled.OverrunTokens, settled.OverrunNanos, currency);
        if (settled.TiersCrossed.Count > 0)
            response.TiersCrossed.AddRange(settled.TiersCrossed);
        response.Unread.AddRange(settled.Unread);
        response.UnpricedItems.AddRange(settled.UnpricedItems);
        response.UnaccountedTokens = settled.UnaccountedTokens;
        if (settled.HasOwnCostNanos)
            response.OwnCost = MoneyMath.ToMoney(settled.OwnCostNanos, currency);
        if (settled.ExpiryCharge is { } charged)
            response.ExpiryCharge = AmountOf(charged.Tokens, charged.CostNanos, currency);
        return response;
    }

    internal static RecordCostResponse Recorded(LedgerEvent ledgerEvent, string currency)
    {
        if (ledgerEvent.FactCase == LedgerEvent.FactOneofCase.ReservationRefused)
        {
            ReservationRefused refused = ledgerEvent.ReservationRefused;
            return new RecordCostResponse
            {
                Decision = Decision.Deny,
                Denial = DenialOf(refused, currency),
                Balance = BalanceOf(refused.Left, currency),
            };
        }

        CostRecorded recorded = ledgerEvent.CostRecorded
            ?? throw new UnreachableException($"a cost is not answered by {ledgerEvent.FactCase}");
        return new RecordCostResponse
        {
            Decision = Decision.Allow,
            Cost = MoneyMath.ToMoney(recorded.CostNanos, currency),
            Balance = BalanceOf(recorded.Left, currency),
            TiersCrossed = { recorded.TiersCrossed },
        };
    }

    internal static ReleaseTokensResponse Released(LedgerEvent ledgerEvent, string currency)
    {
        ReservationReleased released = ledgerEvent.ReservationReleased
            ?? throw new UnreachableException($"a release is not answered by {ledgerEvent.FactCase}");
        return new ReleaseTokensResponse
        {
            Released = AmountOf(released.ReleasedTokens, released.ReleasedNanos, currency),
        };
    }

    internal static AuthorizeToolResponse Authorized(LedgerEvent ledgerEvent, string currency) =>
        ledgerEvent.FactCase switch
        {
            LedgerEvent.FactOneofCase.ToolAuthorized => new AuthorizeToolResponse { Decision = Decision.Allow },
            LedgerEvent.FactOneofCase.ReservationRefused => new AuthorizeToolResponse
            {
                Decision = Decision.Deny,
                Denial = Refused(ledgerEvent.ReservationRefused, currency).Denial,
            },
            _ => throw new UnreachableException($"a tool call is not answered by {ledgerEvent.FactCase}"),
        };

    internal static Amount AmountOf(Int128 tokens, Int128 nanos, string currency) =>
        new() { Tokens = WideSum.Capped(tokens), Cost = MoneyMath.ToMoney(nanos, currency) };

    private static ReserveTokensResponse Held(ReservationHeld held, string id, string currency) => new()
    {
        Decision = held.RequestedModel.Length > 0 ? Decision.AllowDowngraded : Decision.Allow,
        Reservation = new Reservation
        {
            ReservationId = id,
            Model = held.Model,
            Tokens = held.Tokens,
            Cost = MoneyMath.ToMoney(held.CostNanos, currency),
            ExpireTime = held.ExpireTime,
            PriceVersion = held.PriceVersion,
        },
        Balance = BalanceOf(held.Left, currency),
        TiersHeld = { held.TiersHeld },
    };

    private static ReserveTokensResponse Refused(ReservationRefused refused, string currency) => new()
    {
        Decision = Decision.Deny,
        Denial = DenialOf(refused, currency),
        Balance = BalanceOf(refused.Left, currency),
    };

    private static Denial DenialOf(ReservationRefused refused, string currency)
    {
        Denial denial = new()
        {
            Reason = refused.Reason,
            Grain = refused.Grain,
            ResetTime = refused.ResetTime,
            SuggestedModel = refused.SuggestedModel,
            Window = refused.Window,
            Message = DenialSentence.Of(refused, currency),
        };
        if (refused.Unit == ReservationRefused.Types.Unit.Nanos)
        {
            denial.Limit = MoneyMath.ToMoney(refused.Limit, currency);
            denial.Settled = MoneyMath.ToMoney(WideSum.Of(refused.Settled, refused.SettledHigh), currency);
            denial.Held = MoneyMath.ToMoney(WideSum.Of(refused.Held, refused.HeldHigh), currency);
            denial.Requested = MoneyMath.ToMoney(refused.Requested, currency);
        }
        else if (refused.Unit != ReservationRefused.Types.Unit.Unspecified)
        {
            denial.Counts = new Count
            {
                Unit = DenialSentence.WordOf(refused.Unit, currency),
                Limit = refused.Limit,
                Settled = WideSum.Capped(WideSum.Of(refused.Settled, refused.SettledHigh)),
                Held = WideSum.Capped(WideSum.Of(refused.Held, refused.HeldHigh)),
                Requested = refused.Requested,
            };
        }

        return denial;
    }

    private static Balance? BalanceOf(Left? left, string currency)
    {
        if (left is null)
            return null;
        Balance balance = new() { Grain = left.Grain };
        if (left.HasNanos)
            balance.Available = MoneyMath.ToMoney(Math.Max(left.Nanos, 0), currency);
        if (left.HasTokens)
            balance.AvailableTokens = Math.Max(left.Tokens, 0);
        return balance;
    }
}
