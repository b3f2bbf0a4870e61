using System.Globalization;
using System.Text;
using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Budgets;

/// <summary>
/// A refusal as one sentence for people: which grain, what is left of what, what was asked, until when.
/// </summary>
internal static class DenialSentence
{
    /// <summary>Prices are read with at least cents.</summary>
    private const int FractionDigitsMin = 2;

    private const int FractionDigitsMax = 9;

    internal static string Of(ReservationRefused refused, string currency)
    {
        StringBuilder text = new(SubjectOf(refused, currency));
        if (refused.ResetTime is { } reset)
        {
            string time = reset.ToDateTimeOffset().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
            text.Append("; its period ends at ").Append(time);
        }

        if (refused.SuggestedModel.Length > 0)
            text.Append("; ").Append(refused.SuggestedModel).Append(" would fit");
        return text.Append('.').ToString();
    }

    /// <summary>What a refusal's numbers count.</summary>
    internal static string WordOf(ReservationRefused.Types.Unit unit, string currency) => unit switch
    {
        ReservationRefused.Types.Unit.Unspecified => "",
        ReservationRefused.Types.Unit.Nanos => currency,
        ReservationRefused.Types.Unit.Tokens => "tokens",
        ReservationRefused.Types.Unit.Steps => "steps",
        ReservationRefused.Types.Unit.ToolCalls => "tool calls",
        ReservationRefused.Types.Unit.OpenHolds => "open holds",
    };

    /// <summary>An amount as people write it: 12.50, 0.0155.</summary>
    internal static string Money(Int128 nanos)
    {
        decimal amount = (decimal)nanos / MoneyMath.NanosPerUnit;
        string text = amount.ToString("F" + FractionDigitsMax, CultureInfo.InvariantCulture);
        int kept = text.Length;
        while (text[kept - 1] == '0' && text.Length - kept < FractionDigitsMax - FractionDigitsMin)
            kept--;
        return text[..kept];
    }

    private static string SubjectOf(ReservationRefused refused, string currency) => refused.Reason switch
    {
        Reason.Unspecified => $"{refused.Grain} refused",
        Reason.SessionClosed => $"{refused.Grain} has ended: open a new session",
        Reason.SessionExpired => $"{refused.Grain} has expired: open a new session",
        Reason.SessionRevoked => $"{refused.Grain} was revoked",
        Reason.SessionSuspended => $"{refused.Grain} is suspended until its owner resumes it",
        Reason.AgentSuspended => $"{refused.Grain} is suspended until its owner resumes it",
        Reason.AgentDecommissioned => $"{refused.Grain} is no longer in the catalog",
        Reason.ToolOutOfScope
            => $"the tool {Named(refused.Subject, refused.Tool)} is not in the scope of {refused.Grain}",
        Reason.ModelOutOfScope => $"the model {refused.Model} is not in the scope of {refused.Grain}",
        Reason.UnknownPrice when refused.Model.Length > 0
            => $"the price book has no {Named(refused.Subject, "price")} for {refused.Model}",
        Reason.UnknownPrice => $"the price book has no price for {refused.Subject}",
        Reason.MissingTag => $"the tag {Named(refused.Subject, "that the catalog requires")} is missing",
        Reason.RequestCeiling
            => $"{refused.Grain} may ask for {refused.Limit} tokens at once; this call asks for {refused.Requested}",
        Reason.StepCeiling or Reason.SessionCeiling or Reason.RunCeiling or Reason.AgentBudget or Reason.UseCaseBudget
            or Reason.BusinessUnitBudget or Reason.TenantBudget or Reason.UserBudget or Reason.ModelBudget =>
            Numbers(refused, currency),
        Reason.Rate => $"{refused.Grain} asks too often: slow down",
    };

    private static string Numbers(ReservationRefused refused, string currency)
    {
        Int128 settledSum = WideSum.Of(refused.Settled, refused.SettledHigh);
        Int128 heldSum = WideSum.Of(refused.Held, refused.HeldHigh);
        Int128 left = Int128.Max(refused.Limit - settledSum - heldSum, 0);
        string limit = Quantity(refused, refused.Limit, currency);
        string settled = Quantity(refused, settledSum, currency);
        string held = Quantity(refused, heldSum, currency);
        return $"{refused.Grain} has {Quantity(refused, left, currency)} left of {limit} "
            + $"({settled} settled, {held} held), "
            + $"and this call asks for {Quantity(refused, refused.Requested, currency)}";
    }

    private static string Quantity(ReservationRefused refused, Int128 number, string currency)
    {
        string word = WordOf(refused.Unit, currency);
        string amount = refused.Unit == ReservationRefused.Types.Unit.Nanos
            ? Money(number)
            : number.ToString(CultureInfo.InvariantCulture);
        return word.Length == 0 ? amount : $"{amount} {word}";
    }

    private static string Named(string subject, string otherwise) => subject.Length > 0 ? subject : otherwise;
}
