using System.Globalization;
using System.Reflection;
using System.Text;
using AgentBudget.Api.Access;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi.Models;
using Microsoft.OpenApi.Writers;
using Scalar.AspNetCore;
using Swashbuckle.AspNetCore.Swagger;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace AgentBudget.Silo.Hosting;

/// <summary>
/// The contract of the JSON routes for machines and for people: an OpenAPI document that is made of the protos and
/// their comments, and a page that shows it. Nothing on the page comes from elsewhere.
/// </summary>
internal static class ContractPages
{
    private const string DocumentName = "v1";
    private const string DocumentPath = "/openapi/v1.json";
    private const string PagePath = "/docs";
    private const string Bearer = "bearer";

    internal static IServiceCollection AddContractPages(this IServiceCollection services) => services
        .AddGrpcSwagger()
        .AddSwaggerGen(Describe);

    internal static void MapContractPages(this IEndpointRouteBuilder app)
    {
        Lazy<byte[]> document = new(() => DocumentOf(app.ServiceProvider));
        app.MapRoute(HttpMethods.Get, DocumentPath, http => AnswerAsync(http, document.Value));
        app.MapScalarApiReference(PagePath, page => page
            .WithTitle("AgentBudget")
            .WithOpenApiRoutePattern(DocumentPath)
            .DisableDefaultFonts()
            .DisableTelemetry()
            .DisableAgent()
            .HideDeveloperTools()
            .WithOperationTitleSource(OperationTitleSource.Path)).Add(Routes.Hold);
    }

    private static void Describe(SwaggerGenOptions options)
    {
        string comments = Path.ChangeExtension(typeof(ReserveTokensRequest).Assembly.Location, "xml");
        options.SwaggerDoc(DocumentName, new OpenApiInfo
        {
            Title = "AgentBudget",
            Version = DocumentName,
            Description = "Reserve before a model call, settle after it. Errors are google.rpc.Status.",
        });
        options.CustomSchemaIds(NameOf);
        options.MapType<long>(() => new OpenApiSchema { Type = "string", Format = "int64" }); // As proto3 JSON has it.
        options.MapType<ulong>(() => new OpenApiSchema { Type = "string", Format = "uint64" });
        options.IncludeXmlComments(comments);
        options.IncludeGrpcXmlComments(comments, includeControllerXmlComments: true);
        OpenApiSecurityScheme credential = new()
        {
            Type = SecuritySchemeType.Http,
            Scheme = Bearer,
            Description = "A credential, an access token or a session token.",
            Reference = new OpenApiReference { Type = ReferenceType.SecurityScheme, Id = Bearer },
        };
        options.AddSecurityDefinition(Bearer, credential);
        options.AddSecurityRequirement(new OpenApiSecurityRequirement { [credential] = [] });
    }

    // Messages and enums by the names of the contract.
    private static string NameOf(Type type)
    {
        if (typeof(IMessage).IsAssignableFrom(type))
        {
            PropertyInfo descriptor = type.GetProperty("Descriptor", BindingFlags.Public | BindingFlags.Static)!;
            return ((MessageDescriptor)descriptor.GetValue(null)!).FullName;
        }

        Type? holder = type.DeclaringType?.DeclaringType; // Message.Types.Enum
        return holder is null ? type.Name : $"{NameOf(holder)}.{type.Name}";
    }

    private static byte[] DocumentOf(IServiceProvider services)
    {
        using IServiceScope scope = services.CreateScope();
        OpenApiDocument document =
            scope.ServiceProvider.GetRequiredService<ISwaggerProvider>().GetSwagger(DocumentName);
        using StringWriter text = new(CultureInfo.InvariantCulture);
        document.SerializeAsV3(new OpenApiJsonWriter(text));
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    private static Task AnswerAsync(HttpContext http, byte[] document)
    {
        http.Response.ContentType = "application/json";
        http.Response.ContentLength = document.Length;
        return HttpMethods.IsHead(http.Request.Method)
            ? Task.CompletedTask
            : http.Response.Body.WriteAsync(document).AsTask();
    }
}
