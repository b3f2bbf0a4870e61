using System.CommandLine;
using AgentBudget.Cli.Connecting;
using AgentBudget.Cli.Output;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Commands;

/// <summary>Notices: where they go, and how they get there.</summary>
internal static class NotificationCommands
{
    private const string Prefix = "notification-endpoints";

    private static readonly Dictionary<string, EndpointKind> Kinds = new(StringComparer.Ordinal)
    {
        ["webhook"] = EndpointKind.Webhook,
        ["slack"] = EndpointKind.Slack,
        ["teams"] = EndpointKind.Teams,
        ["email"] = EndpointKind.Email,
    };

    private static readonly Dictionary<string, NoticeKind> Notices = Enum.GetValues<NoticeKind>()
        .Where(kind => kind != NoticeKind.Unspecified)
        .ToDictionary(kind => Texts.Name(kind).Replace(' ', '-'), StringComparer.Ordinal);

    public static Command Make(CliHost host) =>
        new("notifications", "Tells webhooks, Slack, Teams and mail what happens to budgets.")
        {
            new Command("endpoints", "Where notices go.")
            {
                List(host),
                Create(host),
                Update(host),
                Rotate(host),
                Delete(host),
            },
            Deliveries(host),
            Replay(host),
            Test(host),
        };

    private static Command List(CliHost host)
    {
        Option<int> limit = Arguments.Limit();
        return host.Handle(
            new Command("list", "Endpoints, the newest first, with how they do.") { limit },
            async call =>
            {
                List<NotificationEndpoint> found = await CliCall.PagesAsync(
                    (size, token) => call.CallAsync(
                        call.Client.Notifications.ListEndpointsAsync,
                        new ListEndpointsRequest { PageSize = size, PageToken = token }),
                    page => (page.Endpoints, page.NextPageToken),
                    call.Get(limit));
                call.Output.Write(found, GridOf(found));
                return ExitCodes.Ok;
            });
    }

    private static Command Create(CliHost host)
    {
        Argument<string> kind = new("kind") { Description = "How it takes notices.", HelpName = "KIND" };
        kind.AcceptOnlyFromAmong([.. Kinds.Keys]);
        Option<string?> url = Arguments.Filter("--url", "Where a webhook is: https, to a public address.", "URL");
        Option<string?> urlFile = Arguments.Filter(
            "--url-file", "A file with the URL instead: that of Slack and Teams is a secret.", "FILE");
        Option<string[]> recipients = new("--to")
        {
            Description = "Who gets mail. May be repeated.",
            HelpName = "ADDRESS",
        };
        Option<string[]> kinds = KindsOption();
        Option<string[]> grains = GrainsOption();
        Option<string?> secretFile = Arguments.Filter(
            "--secret-file",
            "The file that gets a webhook's secret, readable by you alone. It must not be there yet.",
            "FILE");
        Command command = new(
            "create",
            "Makes an endpoint, which gets what happens from here on."
            + "\n\n  agentbudget notifications endpoints create webhook --url https://hooks.acme.test/budget "
            + "--secret-file hook.key")
        {
            kind, url, urlFile, recipients, kinds, grains, secretFile,
        };
        return host.Handle(command, async call =>
        {
            CreateEndpointRequest request = new()
            {
                Kind = Kinds[call.Get(kind)],
                Url = call.Get(urlFile) is { } file
                    ? await Arguments.TextOfAsync(file, call.Cancellation)
                    : call.Get(url) ?? "",
                Filter = FilterOf(call, kinds, grains),
            };
            request.Recipients.Add(call.Get(recipients) ?? []);
            string? secrets = call.Get(secretFile);
            if (request.Kind == EndpointKind.Webhook && secrets is null)
                throw CliException.Usage("--secret-file must be given for a webhook: its secret is shown once.");
            CreateEndpointResponse made = secrets is null
                ? await call.CallAsync(call.Client.Notifications.CreateEndpointAsync, request)
                : await SecretFile.FillAsync(
                    secrets,
                    () => call.CallAsync(call.Client.Notifications.CreateEndpointAsync, request),
                    answer => answer.Secret);
            call.Output.Write(made.Endpoint, GridOf([made.Endpoint]));
            if (made.Secret.Length > 0) call.Output.Say($"Its secret is in {secrets}.");
            return ExitCodes.Ok;
        });
    }

    private static Command Update(CliHost host)
    {
        Argument<string> name = NameArgument();
        Option<string[]> kinds = KindsOption();
        Option<string[]> grains = GrainsOption();
        Option<bool> off = new("--off") { Description = "Switches it off. Without it, it is switched on." };
        Option<string> reason = Arguments.Reason("what it is to get");
        Command command = new(
            "update",
            "Sets which notices an endpoint gets and whether it is on. What it was before does not count. One that is "
            + "off keeps its place, and is told all that happened once it is on again.")
        {
            name, kinds, grains, off, reason,
        };
        return host.Handle(command, async call =>
        {
            UpdateEndpointResponse answer = await call.CallAsync(
                call.Client.Notifications.UpdateEndpointAsync,
                new UpdateEndpointRequest
                {
                    Endpoint = NameOf(call, name),
                    Filter = FilterOf(call, kinds, grains),
                    Disabled = call.Get(off),
                    Reason = call.Get(reason),
                });
            call.Output.Write(answer.Endpoint, GridOf([answer.Endpoint]));
            return ExitCodes.Ok;
        });
    }

    private static Command Rotate(CliHost host)
    {
        Argument<string> name = NameArgument();
        Option<string> reason = Arguments.Reason("a rotation, a leak");
        Option<string> secretFile = new("--secret-file")
        {
            Description = "The file that gets the secret, readable by you alone. It must not be there yet.",
            HelpName = "FILE",
            Required = true,
        };
        return host.Handle(
            new Command("rotate", "Gives a webhook a new secret. For 24 hours the former one signs too.")
            {
                name, reason, secretFile,
            },
            async call =>
            {
                string file = call.Get(secretFile)!;
                RotateEndpointSecretResponse answer = await SecretFile.FillAsync(
                    file,
                    () => call.CallAsync(
                        call.Client.Notifications.RotateEndpointSecretAsync,
                        new RotateEndpointSecretRequest { Endpoint = NameOf(call, name), Reason = call.Get(reason) }),
                    rotated => rotated.Secret);
                call.Output.Write(answer.Endpoint, GridOf([answer.Endpoint]));
                call.Output.Say($"Its secret is in {file}.");
                return ExitCodes.Ok;
            });
    }

    private static Command Delete(CliHost host)
    {
        Argument<string> name = NameArgument();
        Option<string> reason = Arguments.Reason("nobody listens");
        return host.Handle(
            new Command("delete", "Removes an endpoint with all that waits for it.") { name, reason },
            async call =>
            {
                await call.CallAsync(
                    call.Client.Notifications.DeleteEndpointAsync,
                    new DeleteEndpointRequest { Endpoint = NameOf(call, name), Reason = call.Get(reason) });
                call.Output.Say($"{NameOf(call, name)} is gone.");
                return ExitCodes.Ok;
            });
    }

    private static Command Deliveries(CliHost host)
    {
        Option<string?> endpoint = Arguments.Filter("--endpoint", "Only those of this endpoint.", "ENDPOINT");
        Option<string?> state = Arguments.Filter("--state", "Only those that stand so.", "STATE");
        state.AcceptOnlyFromAmong("waiting", "delivered", "dead");
        Option<int> limit = Arguments.Limit();
        return host.Handle(
            new Command("deliveries", "What waits, what was delivered last and what was given up, newest first.")
            {
                endpoint, state, limit,
            },
            async call =>
            {
                List<Delivery> found = await CliCall.PagesAsync(
                    (size, token) => call.CallAsync(
                        call.Client.Notifications.ListDeliveriesAsync,
                        new ListDeliveriesRequest
                        {
                            PageSize = size,
                            PageToken = token,
                            Endpoint = Arguments.Named(Prefix, call.Get(endpoint) ?? ""),
                            State = call.Get(state) is { } named
                                ? Enum.Parse<DeliveryState>(named, ignoreCase: true)
                                : DeliveryState.Unspecified,
                        }),
                    page => (page.Deliveries, page.NextPageToken),
                    call.Get(limit));
                call.Output.Write(found, GridOf(found));
                return ExitCodes.Ok;
            });
    }

    private static Command Replay(CliHost host)
    {
        Argument<string> name = NameArgument();
        Option<string?> delivery = Arguments.Filter(
            "--delivery", "Which, such as evt_acme_1042_0. Default: all that were given up.", "NOTICE");
        return host.Handle(
            new Command("replay", "Sends notices again under their ids.") { name, delivery },
            async call =>
            {
                ReplayDeliveryResponse answer = await call.CallAsync(
                    call.Client.Notifications.ReplayDeliveryAsync,
                    new ReplayDeliveryRequest
                    {
                        Endpoint = NameOf(call, name),
                        Delivery = call.Get(delivery) ?? "",
                    });
                Grid grid = new(new GridColumn("replayed", IsNumber: true));
                grid.Add(answer.Replayed);
                call.Output.Write(answer, grid);
                return ExitCodes.Ok;
            });
    }

    private static Command Test(CliHost host)
    {
        Argument<string> name = NameArgument();
        return host.Handle(
            new Command("test", "Sends a notice to try an endpoint; deliveries says how it went.") { name },
            async call =>
            {
                SendTestNoticeResponse answer = await call.CallAsync(
                    call.Client.Notifications.SendTestNoticeAsync,
                    new SendTestNoticeRequest { Endpoint = NameOf(call, name) });
                Grid grid = new("delivery");
                grid.Add(answer.Delivery);
                call.Output.Write(answer, grid);
                return ExitCodes.Ok;
            });
    }

    private static Argument<string> NameArgument() => new("endpoint")
    {
        Description = "Which, such as n1042.",
        HelpName = "ENDPOINT",
    };

    private static Option<string[]> KindsOption()
    {
        Option<string[]> kinds = new("--notice")
        {
            Description = "Only notices of this kind. May be repeated. Default: all.",
            HelpName = "KIND",
        };
        kinds.AcceptOnlyFromAmong([.. Notices.Keys]);
        return kinds;
    }

    private static Option<string[]> GrainsOption() => new("--grain")
    {
        Description = "Only what concerns this account, such as businessUnits/marketing. May be repeated.",
        HelpName = "GRAIN",
    };

    private static string NameOf(CliCall call, Argument<string> name) => Arguments.Named(Prefix, call.Get(name));

    private static NoticeFilter? FilterOf(CliCall call, Option<string[]> kinds, Option<string[]> grains)
    {
        NoticeFilter filter = new();
        filter.Kinds.Add((call.Get(kinds) ?? []).Select(kind => Notices[kind]));
        filter.Grains.Add(call.Get(grains) ?? []);
        return filter.CalculateSize() == 0 ? null : filter;
    }

    private static Grid GridOf(IEnumerable<NotificationEndpoint> endpoints)
    {
        Grid grid = new(
            "endpoint", "kind", "target", "state", new("waiting", IsNumber: true), new("dead", IsNumber: true),
            new("position", IsNumber: true, IsOptional: true), new("made", IsOptional: true))
        {
            Empty = "Nobody is told.",
        };
        foreach (NotificationEndpoint endpoint in endpoints)
        {
            grid.Add(
                endpoint.Endpoint,
                Texts.Name(endpoint.Kind),
                endpoint.Target,
                endpoint.Disabled
                    ? new GridCell($"off: {endpoint.DisabledReason}", "red")
                    : new GridCell("on", "green"),
                endpoint.Waiting,
                endpoint.DeadLetters,
                endpoint.Position,
                Texts.Time(endpoint.CreateTime));
        }

        return grid;
    }

    private static Grid GridOf(IEnumerable<Delivery> deliveries)
    {
        Grid grid = new(
            "delivery", "kind", "subject", "state", new("attempts", IsNumber: true), "answer",
            new("next", IsOptional: true), new("endpoint", IsOptional: true))
        {
            Empty = "Nothing was sent.",
        };
        foreach (Delivery delivery in deliveries)
        {
            grid.Add(
                delivery.Delivery_,
                Texts.Name(delivery.Kind),
                delivery.Subject,
                new GridCell(Texts.Name(delivery.State), delivery.State == DeliveryState.Dead ? "red" : null),
                delivery.Attempts,
                delivery.Error.Length > 0 ? delivery.Error : delivery.Status > 0 ? Texts.Number(delivery.Status) : "",
                Texts.Time(delivery.NextAttemptTime),
                delivery.Endpoint);
        }

        return grid;
    }
}
