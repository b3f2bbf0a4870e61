namespace AgentBudget.Notifications.Sending;

/// <summary>The server that mail is sent over.</summary>
/// <param name="Host">Its name.</param>
/// <param name="Port">Its port.</param>
/// <param name="From">Who the mail is from.</param>
public sealed record MailOptions(string Host, int Port, string From)
{
    /// <summary>Who signs in there; null for nobody.</summary>
    public string? User { get; init; }

    /// <summary>The file of the password, read at each attempt, so that it can be changed; null for none.</summary>
    public string? PasswordFile { get; init; }

    /// <summary>Mail may go without TLS; to a server on this machine, in development.</summary>
    public bool AllowCleartext { get; init; }
}
