using Microsoft.Extensions.Options;

namespace AgentBudget.Silo.Options;

/// <summary>How notices leave: the keys under <c>notifications</c>.</summary>
internal sealed class NotificationSettings
{
    public const string Section = "notifications";

    /// <summary>The mail server; nothing sends no mail.</summary>
    [HostPort("notifications:smtp")]
    public string? Smtp { get; init; }

    /// <summary>Who mail is from.</summary>
    [MailAddress("notifications:smtpFrom")]
    public string? SmtpFrom { get; init; }

    /// <summary>Who signs in to the mail server.</summary>
    public string? SmtpUser { get; init; }

    /// <summary>The file of the password.</summary>
    [FilePath("notifications:smtpPasswordFile", MustExist = true)]
    public string? SmtpPasswordFile { get; init; }

    /// <summary>Whether cleartext URLs, and addresses that are not public, are taken.</summary>
    [Flag("notifications:allowPrivate")]
    public string AllowPrivate { get; init; } = "false";
}

/// <summary>Checks what its annotations say.</summary>
[OptionsValidator]
internal sealed partial class NotificationSettingsValidator : IValidateOptions<NotificationSettings>;
