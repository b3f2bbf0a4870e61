using AgentBudget.Notifications.Books;
using AgentBudget.Notifications.Sending;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Notifications;

/// <summary>How notices leave a silo.</summary>
/// <param name="AllowPrivate">
/// Cleartext, and addresses that are not public, are taken. For development: who makes endpoints can then reach what
/// the silo reaches.
/// </param>
/// <param name="Mail">The server for mail; null where there is none.</param>
public sealed record NotificationOptions(bool AllowPrivate, MailOptions? Mail);

/// <summary>What the notifiers of a silo share.</summary>
public sealed class NotifierServices : IDisposable
{
    private readonly HttpSender? _http;

    /// <param name="books">The records.</param>
    /// <param name="options">How notices leave.</param>
    /// <param name="time">The clock.</param>
    /// <param name="loggers">Logs.</param>
    public NotifierServices(
        EndpointBooks books, NotificationOptions options, TimeProvider time, ILoggerFactory loggers)
    {
        ArgumentNullException.ThrowIfNull(options);
        Books = books;
        Options = options;
        Time = time;
        Logger = loggers.CreateLogger<Notifier>();
        _http = new HttpSender(options.AllowPrivate, time);
        Sender = new NoticeSenders(_http, new MailSender(options.Mail, time));
    }

    internal NotifierServices(EndpointBooks books, INoticeSender sender, TimeProvider time, ILogger<Notifier> logger)
    {
        Books = books;
        Options = new NotificationOptions(AllowPrivate: true, null);
        Time = time;
        Logger = logger;
        Sender = sender;
    }

    /// <summary>How notices leave.</summary>
    public NotificationOptions Options { get; }

    /// <summary>What is counted.</summary>
    public NoticeMeter Meter { get; } = new();

    internal EndpointBooks Books { get; }

    internal INoticeSender Sender { get; }

    internal TimeProvider Time { get; }

    internal ILogger<Notifier> Logger { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        _http?.Dispose();
        Meter.Dispose();
    }
}
