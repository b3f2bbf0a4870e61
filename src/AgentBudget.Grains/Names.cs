using System.Globalization;

namespace AgentBudget.Grains;

/// <summary>
/// Resource names. Sessions and reservations are named after the sequence of the event that made them, so a name in the
/// hand of an auditor is the place in the ledger.
/// </summary>
public static class Names
{
    /// <summary>Prefix of tenants.</summary>
    public const string TenantPrefix = "tenants/";

    /// <summary>Prefix of business units.</summary>
    public const string BusinessUnitPrefix = "businessUnits/";

    /// <summary>Prefix of use cases.</summary>
    public const string UseCasePrefix = "useCases/";

    /// <summary>Prefix of agents.</summary>
    public const string AgentPrefix = "agents/";

    private const string SessionPrefix = "sessions/s";
    private const string ReservationPrefix = "r";

    /// <summary>The name of the session with this number: <c>sessions/s17</c>.</summary>
    public static string Session(long number) =>
        string.Create(CultureInfo.InvariantCulture, $"{SessionPrefix}{number}");

    /// <summary>The name of the reservation with this number: <c>r1042</c>.</summary>
    public static string Reservation(long number) =>
        string.Create(CultureInfo.InvariantCulture, $"{ReservationPrefix}{number}");

    /// <summary>Reads a session's name; false unless it is exactly as <see cref="Session"/> writes it.</summary>
    public static bool TryParseSession(string? name, out long number) => TryParse(name, SessionPrefix, out number);

    /// <summary>Reads a reservation's id; false unless it is exactly as <see cref="Reservation"/> writes it.</summary>
    public static bool TryParseReservation(string? id, out long number) => TryParse(id, ReservationPrefix, out number);

    private static bool TryParse(string? text, string prefix, out long number)
    {
        number = 0;
        return text is not null
            && text.StartsWith(prefix, StringComparison.Ordinal)
            && text.Length > prefix.Length
            && text[prefix.Length] != '0'
            && long.TryParse(text.AsSpan(prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }
}
