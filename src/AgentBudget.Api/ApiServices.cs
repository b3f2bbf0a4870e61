using AgentBudget.Api.Access;
using AgentBudget.Api.Approvals;
using AgentBudget.Api.Budgets;
using AgentBudget.Api.Budgets.Providers;
using AgentBudget.Api.Catalogs;
using AgentBudget.Api.Edge;
using AgentBudget.Api.Edge.Checks;
using AgentBudget.Api.Identities;
using AgentBudget.Api.Notifications;
using AgentBudget.Api.OAuth;
using AgentBudget.Api.Reports;
using AgentBudget.Api.Sessions;
using AgentBudget.Api.Silos;
using AgentBudget.Api.Spend;
using AgentBudget.Protocol.V1;
using Grpc.AspNetCore.Server;
using Grpc.Reflection;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace AgentBudget.Api;

/// <summary>The services of <c>agentbudget.v1</c> and the routes beside them, for a host of ASP.NET Core.</summary>
public static class ApiServices
{
    // How late those who watch the health of a silo hear of a change.
    private static readonly TimeSpan HealthPeriod = TimeSpan.FromSeconds(1);

    /// <summary>The descriptors of the services.</summary>
    public static IReadOnlyList<Google.Protobuf.Reflection.ServiceDescriptor> Descriptors { get; } =
    [
        BudgetServiceReflection.Descriptor.Services[0],
        SessionServiceReflection.Descriptor.Services[0],
        CatalogServiceReflection.Descriptor.Services[0],
        SpendServiceReflection.Descriptor.Services[0],
        ReportServiceReflection.Descriptor.Services[0],
        IdentityServiceReflection.Descriptor.Services[0],
        ApprovalServiceReflection.Descriptor.Services[0],
        SiloServiceReflection.Descriptor.Services[0],
        NotificationServiceReflection.Descriptor.Services[0],
    ];

    /// <summary>
    /// Adds the services. What they work with is the host's to add: the tenants and their store, keys, tokens and
    /// proofs, the feeds of credentials and reports, the aggregator, the readiness and the clock.
    /// </summary>
    public static IServiceCollection AddApi(this IServiceCollection services)
    {
        services.AddSingleton<ApiContext>();
        services.AddSingleton<ApplyCatalog>();
        services.AddSingleton(provider => new CatalogAtStart(
            provider.GetRequiredService<ApplyCatalog>(), provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<SpendReports>();
        services.AddSingleton<AccessReports>();
        services.AddSingleton<FocusReports>();
        services.AddSingleton<ForecastReports>();
        services.AddSingleton<AnomalyReports>();
        services.AddSingleton<AdjacencyReports>();
        services.AddSingleton<InitiativeReports>();
        services.AddSingleton<RecommendationReports>();
        services.AddSingleton<SpendItems>();
        services.AddSingleton<OAuthRoutes>();
        services.AddSingleton<AuditExport>();
        services.AddSingleton<AccessGuard>();
        services.AddSingleton<CallMeter>();
        services.AddSingleton<AccessMeter>();
        services.AddSingleton<ReportMeter>();
        services.AddSingleton<OpenStreams>();
        services.AddSingleton<DefectLog>();
        services.AddSingleton<Calls>();
        services.AddSingleton<BudgetCalls>();
        services.AddSingleton<SessionCalls>();
        services.AddSingleton<CatalogCalls>();
        services.AddSingleton<SpendCalls>();
        services.AddSingleton<ReportCalls>();
        services.AddSingleton<IdentityCalls>();
        services.AddSingleton<ApprovalCalls>();
        services.AddSingleton<SiloCalls>();
        services.AddSingleton<NotificationCalls>();
        services.AddHostedService<DrainAtStop>();

        services.AddTransient<CallerAuthentication>();
        services.AddAuthentication().Services.Configure<AuthenticationOptions>(options =>
        {
            options.AddScheme<CallerAuthentication>(CallerAuthentication.Scheme, displayName: null);
            options.DefaultScheme = CallerAuthentication.Scheme;
        });
        services.AddAuthorization();
        services.AddCors();
        services.AddGrpc(options => options.ResponseCompressionAlgorithm = CappedGzip.Name)
            .AddJsonTranscoding(options =>
            {
                options.JsonSettings.WriteInt64sAsStrings = true;
                options.JsonSettings.IgnoreDefaultValues = true;
                options.TypeRegistry = CallEnd.Details;
            });
        // Decisions are small, and whoever waits for one is not to pay for a look at each.
        services.AddOptions<GrpcServiceOptions<BudgetCalls>>()
            .Configure(options => options.ResponseCompressionAlgorithm = null);
        AddServicesOfOthers(services);
        return services.AddEdgeBounds();
    }

    /// <summary>
    /// Serves the services and the routes. Throws <see cref="InvalidOperationException"/> for an endpoint that no line
    /// of policy speaks of.
    /// </summary>
    /// <param name="app">Its pipeline up to its endpoints is built here.</param>
    /// <param name="origins">Origins whose pages may call from a browser; <c>*</c> for every one.</param>
    /// <param name="mapMore">Adds the host's own routes.</param>
    public static void UseApi(
        this WebApplication app, IReadOnlyList<string> origins, Action<IEndpointRouteBuilder> mapMore)
    {
        ArgumentNullException.ThrowIfNull(mapMore);
        app.UseRouting();
        if (origins.Count > 0)
            app.UseCors(policy => CrossOrigin.Configure(policy, origins));
        app.UseMiddleware<Body>();
        app.UseGrpcOverWeb();
        app.UseMiddleware<CallMiddleware>();
        app.UseGrpcChecks();
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseJsonChecks();

        CallMeter meter = app.Services.GetRequiredService<CallMeter>();
        MapService<BudgetCalls>(app, meter);
        MapService<SessionCalls>(app, meter);
        MapService<CatalogCalls>(app, meter);
        MapService<SpendCalls>(app, meter);
        MapService<ReportCalls>(app, meter);
        MapService<IdentityCalls>(app, meter);
        MapService<ApprovalCalls>(app, meter);
        MapService<SiloCalls>(app, meter);
        MapService<NotificationCalls>(app, meter);
        Hold(app.MapGrpcHealthChecksService(), meter);
        Hold(app.MapGrpcReflectionService(), meter);
        app.Services.GetRequiredService<OAuthRoutes>().Map(app);
        app.Services.GetRequiredService<AuditExport>().Map(app);
        app.Services.GetRequiredService<FocusReports>().Map(app);
        mapMore(app);
        AccessPolicy.RequireLines(app.EndpointsOf());
        app.UseEndpoints(_ => { });
        app.Run(http => Unserved.AnswerAsync(http, meter));
    }

    /// <summary>Everything that is served.</summary>
    internal static IReadOnlyList<Microsoft.AspNetCore.Http.Endpoint> EndpointsOf(this IEndpointRouteBuilder app) =>
        [.. app.DataSources.SelectMany(source => source.Endpoints)];

    private static void MapService<TService>(IEndpointRouteBuilder app, CallMeter meter)
        where TService : class =>
        Hold(app.MapGrpcService<TService>(), meter);

    private static void Hold(IEndpointConventionBuilder service, CallMeter meter) =>
        service.Add(endpoint =>
        {
            AccessPolicy.Hold(endpoint);
            if (endpoint.Metadata.OfType<GrpcMethodMetadata>().FirstOrDefault() is { } method)
                endpoint.Metadata.Add(meter.Of(method.Method));
        });

    // Health for orchestrators, which also tell who watches; reflection for tools, which shows the contract.
    private static void AddServicesOfOthers(IServiceCollection services)
    {
        services.AddGrpcHealthChecks(options =>
        {
            foreach (Google.Protobuf.Reflection.ServiceDescriptor service in Descriptors)
                options.Services.Map(service.FullName, _ => true);
        }).AddCheck<Readiness>("silo");
        services.Configure<HealthCheckPublisherOptions>(options =>
        {
            options.Delay = TimeSpan.Zero;
            options.Period = HealthPeriod;
        });
        services.AddGrpcReflection();
        services.AddSingleton<EndingStreams>();
        services.AddGrpc()
            .AddServiceOptions<ReflectionServiceImpl>(options => options.Interceptors.Add<EndingStreams>())
            .AddServiceOptions<ReflectionV1ServiceImpl>(options => options.Interceptors.Add<EndingStreams>());
    }
}
