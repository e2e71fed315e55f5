// @ts-nocheck
// Made by tools/build-validators.mjs from src/config/options.ts. Do not edit.
const and = (errors, error) => (errors === null ? [error] : (errors.push(error), errors))

const check_nat_pmp = validate21;
const schema6 = {"$id":"nat_pmp","type":"object","properties":{"enabled":{"$ref":"kind0"},"allow_port_forwarding":{"$ref":"kind0"}},"required":[]};
const schema7 = {"$id":"kind0","type":"boolean"};

function validate22(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(typeof data !== "boolean"){
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
validate22.errors = vErrors;
return errors === 0;
}


function validate21(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(data && typeof data == "object" && !Array.isArray(data)){
if(data.enabled !== undefined){
if(!(validate22(data.enabled, {instancePath:instancePath+"/enabled"}))){
vErrors = vErrors === null ? validate22.errors : vErrors.concat(validate22.errors);
errors = vErrors.length;
}
}
if(data.allow_port_forwarding !== undefined){
if(!(validate22(data.allow_port_forwarding, {instancePath:instancePath+"/allow_port_forwarding"}))){
vErrors = vErrors === null ? validate22.errors : vErrors.concat(validate22.errors);
errors = vErrors.length;
}
}
}
else {
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
validate21.errors = vErrors;
return errors === 0;
}

const check_upnp = validate25;
const schema8 = {"$id":"upnp","type":"object","properties":{"enabled":{"$ref":"kind0"},"allow_disable_external_interface":{"$ref":"kind0"},"allow_disable_internal_interface":{"$ref":"kind0"},"show_dummy_rule":{"$ref":"kind0"},"nat_traversal":{"$ref":"kind0"},"http_port":{"$ref":"kind1"}},"required":[]};
const schema9 = {"$id":"kind1","type":"integer","minimum":1,"maximum":65535};

function validate31(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(!(((typeof data == "number") && (!(data % 1) && !isNaN(data))) && (isFinite(data)))){
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
if((typeof data == "number") && (isFinite(data))){
if(data > 65535 || isNaN(data)){
vErrors = and(vErrors, {instancePath,keyword:"maximum"});
errors++;
}
if(data < 1 || isNaN(data)){
vErrors = and(vErrors, {instancePath,keyword:"minimum"});
errors++;
}
}
validate31.errors = vErrors;
return errors === 0;
}


function validate25(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(data && typeof data == "object" && !Array.isArray(data)){
if(data.enabled !== undefined){
if(!(validate22(data.enabled, {instancePath:instancePath+"/enabled"}))){
vErrors = vErrors === null ? validate22.errors : vErrors.concat(validate22.errors);
errors = vErrors.length;
}
}
if(data.allow_disable_external_interface !== undefined){
if(!(validate22(data.allow_disable_external_interface, {instancePath:instancePath+"/allow_disable_external_interface"}))){
vErrors = vErrors === null ? validate22.errors : vErrors.concat(validate22.errors);
errors = vErrors.length;
}
}
if(data.allow_disable_internal_interface !== undefined){
if(!(validate22(data.allow_disable_internal_interface, {instancePath:instancePath+"/allow_disable_internal_interface"}))){
vErrors = vErrors === null ? validate22.errors : vErrors.concat(validate22.errors);
errors = vErrors.length;
}
}
if(data.show_dummy_rule !== undefined){
if(!(validate22(data.show_dummy_rule, {instancePath:instancePath+"/show_dummy_rule"}))){
vErrors = vErrors === null ? validate22.errors : vErrors.concat(validate22.errors);
errors = vErrors.length;
}
}
if(data.nat_traversal !== undefined){
if(!(validate22(data.nat_traversal, {instancePath:instancePath+"/nat_traversal"}))){
vErrors = vErrors === null ? validate22.errors : vErrors.concat(validate22.errors);
errors = vErrors.length;
}
}
if(data.http_port !== undefined){
if(!(validate31(data.http_port, {instancePath:instancePath+"/http_port"}))){
vErrors = vErrors === null ? validate31.errors : vErrors.concat(validate31.errors);
errors = vErrors.length;
}
}
}
else {
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
validate25.errors = vErrors;
return errors === 0;
}

const check_limits = validate33;
const schema10 = {"$id":"limits","type":"object","properties":{"per_host":{"$ref":"kind2"},"total":{"$ref":"kind2"},"min_lease":{"$ref":"kind3"},"max_lease":{"$ref":"kind4"},"default_action":{"$ref":"kind5"},"requests_per_second":{"$ref":"kind6"}},"required":[]};
const schema11 = {"$id":"kind2","type":"integer","minimum":1,"maximum":131070};

function validate34(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(!(((typeof data == "number") && (!(data % 1) && !isNaN(data))) && (isFinite(data)))){
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
if((typeof data == "number") && (isFinite(data))){
if(data > 131070 || isNaN(data)){
vErrors = and(vErrors, {instancePath,keyword:"maximum"});
errors++;
}
if(data < 1 || isNaN(data)){
vErrors = and(vErrors, {instancePath,keyword:"minimum"});
errors++;
}
}
validate34.errors = vErrors;
return errors === 0;
}

const schema12 = {"$id":"kind3","type":"integer","minimum":1,"maximum":86400};

function validate37(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(!(((typeof data == "number") && (!(data % 1) && !isNaN(data))) && (isFinite(data)))){
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
if((typeof data == "number") && (isFinite(data))){
if(data > 86400 || isNaN(data)){
vErrors = and(vErrors, {instancePath,keyword:"maximum"});
errors++;
}
if(data < 1 || isNaN(data)){
vErrors = and(vErrors, {instancePath,keyword:"minimum"});
errors++;
}
}
validate37.errors = vErrors;
return errors === 0;
}

const schema13 = {"$id":"kind4","type":"integer","minimum":60,"maximum":31536000};

function validate39(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(!(((typeof data == "number") && (!(data % 1) && !isNaN(data))) && (isFinite(data)))){
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
if((typeof data == "number") && (isFinite(data))){
if(data > 31536000 || isNaN(data)){
vErrors = and(vErrors, {instancePath,keyword:"maximum"});
errors++;
}
if(data < 60 || isNaN(data)){
vErrors = and(vErrors, {instancePath,keyword:"minimum"});
errors++;
}
}
validate39.errors = vErrors;
return errors === 0;
}

const schema14 = {"$id":"kind5","type":"string","enum":["high-ports","allow","deny"]};

function validate41(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(typeof data !== "string"){
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
if(!(((data === "high-ports") || (data === "allow")) || (data === "deny"))){
vErrors = and(vErrors, {instancePath,keyword:"enum"});
errors++;
}
validate41.errors = vErrors;
return errors === 0;
}

const schema15 = {"$id":"kind6","type":"integer","minimum":0,"maximum":1000000};

function validate43(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(!(((typeof data == "number") && (!(data % 1) && !isNaN(data))) && (isFinite(data)))){
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
if((typeof data == "number") && (isFinite(data))){
if(data > 1000000 || isNaN(data)){
vErrors = and(vErrors, {instancePath,keyword:"maximum"});
errors++;
}
if(data < 0 || isNaN(data)){
vErrors = and(vErrors, {instancePath,keyword:"minimum"});
errors++;
}
}
validate43.errors = vErrors;
return errors === 0;
}


function validate33(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(data && typeof data == "object" && !Array.isArray(data)){
if(data.per_host !== undefined){
if(!(validate34(data.per_host, {instancePath:instancePath+"/per_host"}))){
vErrors = vErrors === null ? validate34.errors : vErrors.concat(validate34.errors);
errors = vErrors.length;
}
}
if(data.total !== undefined){
if(!(validate34(data.total, {instancePath:instancePath+"/total"}))){
vErrors = vErrors === null ? validate34.errors : vErrors.concat(validate34.errors);
errors = vErrors.length;
}
}
if(data.min_lease !== undefined){
if(!(validate37(data.min_lease, {instancePath:instancePath+"/min_lease"}))){
vErrors = vErrors === null ? validate37.errors : vErrors.concat(validate37.errors);
errors = vErrors.length;
}
}
if(data.max_lease !== undefined){
if(!(validate39(data.max_lease, {instancePath:instancePath+"/max_lease"}))){
vErrors = vErrors === null ? validate39.errors : vErrors.concat(validate39.errors);
errors = vErrors.length;
}
}
if(data.default_action !== undefined){
if(!(validate41(data.default_action, {instancePath:instancePath+"/default_action"}))){
vErrors = vErrors === null ? validate41.errors : vErrors.concat(validate41.errors);
errors = vErrors.length;
}
}
if(data.requests_per_second !== undefined){
if(!(validate43(data.requests_per_second, {instancePath:instancePath+"/requests_per_second"}))){
vErrors = vErrors === null ? validate43.errors : vErrors.concat(validate43.errors);
errors = vErrors.length;
}
}
}
else {
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
validate33.errors = vErrors;
return errors === 0;
}

const check_system = validate45;
const schema16 = {"$id":"system","type":"object","properties":{"mark":{"$ref":"kind7"},"log_level":{"$ref":"kind8"}},"required":[]};
const schema17 = {"$id":"kind7","type":"integer","enum":[1,2,4,8,16,32,64,128,256,512,1024,2048,4096,8192,16384,32768,65536,131072,262144,524288,1048576,2097152,4194304,8388608,16777216,33554432,67108864,134217728,268435456,536870912,1073741824,2147483648]};

function validate46(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(!(((typeof data == "number") && (!(data % 1) && !isNaN(data))) && (isFinite(data)))){
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
if(!((((((((((((((((((((((((((((((((data === 1) || (data === 2)) || (data === 4)) || (data === 8)) || (data === 16)) || (data === 32)) || (data === 64)) || (data === 128)) || (data === 256)) || (data === 512)) || (data === 1024)) || (data === 2048)) || (data === 4096)) || (data === 8192)) || (data === 16384)) || (data === 32768)) || (data === 65536)) || (data === 131072)) || (data === 262144)) || (data === 524288)) || (data === 1048576)) || (data === 2097152)) || (data === 4194304)) || (data === 8388608)) || (data === 16777216)) || (data === 33554432)) || (data === 67108864)) || (data === 134217728)) || (data === 268435456)) || (data === 536870912)) || (data === 1073741824)) || (data === 2147483648))){
vErrors = and(vErrors, {instancePath,keyword:"enum"});
errors++;
}
validate46.errors = vErrors;
return errors === 0;
}

const schema18 = {"$id":"kind8","type":"string","enum":["error","warning","info","debug"]};

function validate48(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(typeof data !== "string"){
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
if(!((((data === "error") || (data === "warning")) || (data === "info")) || (data === "debug"))){
vErrors = and(vErrors, {instancePath,keyword:"enum"});
errors++;
}
validate48.errors = vErrors;
return errors === 0;
}


function validate45(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(data && typeof data == "object" && !Array.isArray(data)){
if(data.mark !== undefined){
if(!(validate46(data.mark, {instancePath:instancePath+"/mark"}))){
vErrors = vErrors === null ? validate46.errors : vErrors.concat(validate46.errors);
errors = vErrors.length;
}
}
if(data.log_level !== undefined){
if(!(validate48(data.log_level, {instancePath:instancePath+"/log_level"}))){
vErrors = vErrors === null ? validate48.errors : vErrors.concat(validate48.errors);
errors = vErrors.length;
}
}
}
else {
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
validate45.errors = vErrors;
return errors === 0;
}

const check_interface = validate50;
const schema19 = {"$id":"interface","type":"object","properties":{"interface":{"$ref":"kind9"},"type":{"$ref":"kind10"},"service":{"$ref":"kind11"},"forced_ip":{"$ref":"kind12"},"disabled":{"$ref":"kind0"}},"required":["interface","type"]};
const schema20 = {"$id":"kind9","type":"string","pattern":"^[A-Za-z0-9_.@+-]{1,64}$"};
const pattern0 = new RegExp("^[A-Za-z0-9_.@+-]{1,64}$", "u");

function validate51(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(typeof data === "string"){
if(!pattern0.test(data)){
vErrors = and(vErrors, {instancePath,keyword:"pattern"});
errors++;
}
}
else {
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
validate51.errors = vErrors;
return errors === 0;
}

const schema21 = {"$id":"kind10","type":"string","enum":["internal","external"]};

function validate53(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(typeof data !== "string"){
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
if(!((data === "internal") || (data === "external"))){
vErrors = and(vErrors, {instancePath,keyword:"enum"});
errors++;
}
validate53.errors = vErrors;
return errors === 0;
}

const schema22 = {"$id":"kind11","type":"array","minItems":1,"items":{"type":"string","enum":["upnp","nat-pmp"]}};

function validate55(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(Array.isArray(data)){
if(data.length < 1){
vErrors = and(vErrors, {instancePath,keyword:"minItems"});
errors++;
}
const len0 = data.length;
for(let i0=0; i0<len0; i0++){
let data0 = data[i0];
if(typeof data0 !== "string"){
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0,keyword:"type"});
errors++;
}
if(!((data0 === "upnp") || (data0 === "nat-pmp"))){
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0,keyword:"enum"});
errors++;
}
}
}
else {
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
validate55.errors = vErrors;
return errors === 0;
}

const schema23 = {"$id":"kind12","type":"string"};

function validate57(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(typeof data !== "string"){
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
validate57.errors = vErrors;
return errors === 0;
}


function validate50(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(data && typeof data == "object" && !Array.isArray(data)){
if(data.interface === undefined){
vErrors = and(vErrors, {instancePath,keyword:"required",params:{missingProperty: "interface"}});
errors++;
}
if(data.type === undefined){
vErrors = and(vErrors, {instancePath,keyword:"required",params:{missingProperty: "type"}});
errors++;
}
if(data.interface !== undefined){
if(!(validate51(data.interface, {instancePath:instancePath+"/interface"}))){
vErrors = vErrors === null ? validate51.errors : vErrors.concat(validate51.errors);
errors = vErrors.length;
}
}
if(data.type !== undefined){
if(!(validate53(data.type, {instancePath:instancePath+"/type"}))){
vErrors = vErrors === null ? validate53.errors : vErrors.concat(validate53.errors);
errors = vErrors.length;
}
}
if(data.service !== undefined){
if(!(validate55(data.service, {instancePath:instancePath+"/service"}))){
vErrors = vErrors === null ? validate55.errors : vErrors.concat(validate55.errors);
errors = vErrors.length;
}
}
if(data.forced_ip !== undefined){
if(!(validate57(data.forced_ip, {instancePath:instancePath+"/forced_ip"}))){
vErrors = vErrors === null ? validate57.errors : vErrors.concat(validate57.errors);
errors = vErrors.length;
}
}
if(data.disabled !== undefined){
if(!(validate22(data.disabled, {instancePath:instancePath+"/disabled"}))){
vErrors = vErrors === null ? validate22.errors : vErrors.concat(validate22.errors);
errors = vErrors.length;
}
}
}
else {
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
validate50.errors = vErrors;
return errors === 0;
}

const check_permission = validate60;
const schema24 = {"$id":"permission","type":"object","properties":{"action":{"$ref":"kind13"},"interface":{"$ref":"kind9"},"protocol":{"$ref":"kind14"},"dst_port":{"$ref":"kind15"},"internal_port":{"$ref":"kind15"},"internal_address":{"$ref":"kind16"},"mac":{"$ref":"kind12"},"service":{"$ref":"kind11"},"comment":{"$ref":"kind12"},"disabled":{"$ref":"kind0"}},"required":["action"]};
const schema25 = {"$id":"kind13","type":"string","enum":["allow","deny"]};

function validate61(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(typeof data !== "string"){
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
if(!((data === "allow") || (data === "deny"))){
vErrors = and(vErrors, {instancePath,keyword:"enum"});
errors++;
}
validate61.errors = vErrors;
return errors === 0;
}

const schema26 = {"$id":"kind14","type":"string","enum":["tcp","udp","both"]};

function validate64(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(typeof data !== "string"){
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
if(!(((data === "tcp") || (data === "udp")) || (data === "both"))){
vErrors = and(vErrors, {instancePath,keyword:"enum"});
errors++;
}
validate64.errors = vErrors;
return errors === 0;
}

const schema27 = {"$id":"kind15","type":"object","properties":{"first":{"type":"integer","minimum":1,"maximum":65535},"last":{"type":"integer","minimum":1,"maximum":65535}},"required":["first","last"],"additionalProperties":false};

function validate66(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(data && typeof data == "object" && !Array.isArray(data)){
if(data.first === undefined){
vErrors = and(vErrors, {instancePath,keyword:"required",params:{missingProperty: "first"}});
errors++;
}
if(data.last === undefined){
vErrors = and(vErrors, {instancePath,keyword:"required",params:{missingProperty: "last"}});
errors++;
}
for(const key0 in data){
if(!((key0 === "first") || (key0 === "last"))){
vErrors = and(vErrors, {instancePath,keyword:"additionalProperties"});
errors++;
}
}
if(data.first !== undefined){
let data0 = data.first;
if(!(((typeof data0 == "number") && (!(data0 % 1) && !isNaN(data0))) && (isFinite(data0)))){
vErrors = and(vErrors, {instancePath:instancePath+"/first",keyword:"type"});
errors++;
}
if((typeof data0 == "number") && (isFinite(data0))){
if(data0 > 65535 || isNaN(data0)){
vErrors = and(vErrors, {instancePath:instancePath+"/first",keyword:"maximum"});
errors++;
}
if(data0 < 1 || isNaN(data0)){
vErrors = and(vErrors, {instancePath:instancePath+"/first",keyword:"minimum"});
errors++;
}
}
}
if(data.last !== undefined){
let data1 = data.last;
if(!(((typeof data1 == "number") && (!(data1 % 1) && !isNaN(data1))) && (isFinite(data1)))){
vErrors = and(vErrors, {instancePath:instancePath+"/last",keyword:"type"});
errors++;
}
if((typeof data1 == "number") && (isFinite(data1))){
if(data1 > 65535 || isNaN(data1)){
vErrors = and(vErrors, {instancePath:instancePath+"/last",keyword:"maximum"});
errors++;
}
if(data1 < 1 || isNaN(data1)){
vErrors = and(vErrors, {instancePath:instancePath+"/last",keyword:"minimum"});
errors++;
}
}
}
}
else {
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
validate66.errors = vErrors;
return errors === 0;
}

const schema28 = {"$id":"kind16","type":"object","properties":{"first":{"type":"string"},"last":{"type":"string"}}};

function validate69(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(data && typeof data == "object" && !Array.isArray(data)){
if(data.first !== undefined){
if(typeof data.first !== "string"){
vErrors = and(vErrors, {instancePath:instancePath+"/first",keyword:"type"});
errors++;
}
}
if(data.last !== undefined){
if(typeof data.last !== "string"){
vErrors = and(vErrors, {instancePath:instancePath+"/last",keyword:"type"});
errors++;
}
}
}
else {
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
validate69.errors = vErrors;
return errors === 0;
}


function validate60(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(data && typeof data == "object" && !Array.isArray(data)){
if(data.action === undefined){
vErrors = and(vErrors, {instancePath,keyword:"required",params:{missingProperty: "action"}});
errors++;
}
if(data.action !== undefined){
if(!(validate61(data.action, {instancePath:instancePath+"/action"}))){
vErrors = vErrors === null ? validate61.errors : vErrors.concat(validate61.errors);
errors = vErrors.length;
}
}
if(data.interface !== undefined){
if(!(validate51(data.interface, {instancePath:instancePath+"/interface"}))){
vErrors = vErrors === null ? validate51.errors : vErrors.concat(validate51.errors);
errors = vErrors.length;
}
}
if(data.protocol !== undefined){
if(!(validate64(data.protocol, {instancePath:instancePath+"/protocol"}))){
vErrors = vErrors === null ? validate64.errors : vErrors.concat(validate64.errors);
errors = vErrors.length;
}
}
if(data.dst_port !== undefined){
if(!(validate66(data.dst_port, {instancePath:instancePath+"/dst_port"}))){
vErrors = vErrors === null ? validate66.errors : vErrors.concat(validate66.errors);
errors = vErrors.length;
}
}
if(data.internal_port !== undefined){
if(!(validate66(data.internal_port, {instancePath:instancePath+"/internal_port"}))){
vErrors = vErrors === null ? validate66.errors : vErrors.concat(validate66.errors);
errors = vErrors.length;
}
}
if(data.internal_address !== undefined){
if(!(validate69(data.internal_address, {instancePath:instancePath+"/internal_address"}))){
vErrors = vErrors === null ? validate69.errors : vErrors.concat(validate69.errors);
errors = vErrors.length;
}
}
if(data.mac !== undefined){
if(!(validate57(data.mac, {instancePath:instancePath+"/mac"}))){
vErrors = vErrors === null ? validate57.errors : vErrors.concat(validate57.errors);
errors = vErrors.length;
}
}
if(data.service !== undefined){
if(!(validate55(data.service, {instancePath:instancePath+"/service"}))){
vErrors = vErrors === null ? validate55.errors : vErrors.concat(validate55.errors);
errors = vErrors.length;
}
}
if(data.comment !== undefined){
if(!(validate57(data.comment, {instancePath:instancePath+"/comment"}))){
vErrors = vErrors === null ? validate57.errors : vErrors.concat(validate57.errors);
errors = vErrors.length;
}
}
if(data.disabled !== undefined){
if(!(validate22(data.disabled, {instancePath:instancePath+"/disabled"}))){
vErrors = vErrors === null ? validate22.errors : vErrors.concat(validate22.errors);
errors = vErrors.length;
}
}
}
else {
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
validate60.errors = vErrors;
return errors === 0;
}

const check_mapping = validate75;
const schema29 = {"$id":"mapping","type":"object","properties":{"protocol":{"$ref":"kind14"},"external_port":{"$ref":"kind1"},"internal_address":{"$ref":"kind12"},"internal_port":{"$ref":"kind1"},"comment":{"$ref":"kind12"},"disabled":{"$ref":"kind0"}},"required":["protocol","external_port","internal_address"]};

function validate75(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(data && typeof data == "object" && !Array.isArray(data)){
if(data.protocol === undefined){
vErrors = and(vErrors, {instancePath,keyword:"required",params:{missingProperty: "protocol"}});
errors++;
}
if(data.external_port === undefined){
vErrors = and(vErrors, {instancePath,keyword:"required",params:{missingProperty: "external_port"}});
errors++;
}
if(data.internal_address === undefined){
vErrors = and(vErrors, {instancePath,keyword:"required",params:{missingProperty: "internal_address"}});
errors++;
}
if(data.protocol !== undefined){
if(!(validate64(data.protocol, {instancePath:instancePath+"/protocol"}))){
vErrors = vErrors === null ? validate64.errors : vErrors.concat(validate64.errors);
errors = vErrors.length;
}
}
if(data.external_port !== undefined){
if(!(validate31(data.external_port, {instancePath:instancePath+"/external_port"}))){
vErrors = vErrors === null ? validate31.errors : vErrors.concat(validate31.errors);
errors = vErrors.length;
}
}
if(data.internal_address !== undefined){
if(!(validate57(data.internal_address, {instancePath:instancePath+"/internal_address"}))){
vErrors = vErrors === null ? validate57.errors : vErrors.concat(validate57.errors);
errors = vErrors.length;
}
}
if(data.internal_port !== undefined){
if(!(validate31(data.internal_port, {instancePath:instancePath+"/internal_port"}))){
vErrors = vErrors === null ? validate31.errors : vErrors.concat(validate31.errors);
errors = vErrors.length;
}
}
if(data.comment !== undefined){
if(!(validate57(data.comment, {instancePath:instancePath+"/comment"}))){
vErrors = vErrors === null ? validate57.errors : vErrors.concat(validate57.errors);
errors = vErrors.length;
}
}
if(data.disabled !== undefined){
if(!(validate22(data.disabled, {instancePath:instancePath+"/disabled"}))){
vErrors = vErrors === null ? validate22.errors : vErrors.concat(validate22.errors);
errors = vErrors.length;
}
}
}
else {
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
validate75.errors = vErrors;
return errors === 0;
}

const check_netifd = validate82;
const schema30 = {"$id":"netifd","type":"object","required":["interface"],"properties":{"interface":{"$ref":"kind17"}}};
const schema31 = {"$id":"kind17","type":"array","items":{"type":"object","required":["interface","up"],"properties":{"interface":{"type":"string"},"up":{"type":"boolean"},"l3_device":{"type":"string"},"ipv4-address":{"type":"array","items":{"type":"object","required":["address","mask"],"properties":{"address":{"type":"string"},"mask":{"type":"integer","minimum":0,"maximum":128}}}},"route":{"type":"array","items":{"type":"object","required":["target","mask"],"properties":{"target":{"type":"string"},"mask":{"type":"integer","minimum":0,"maximum":128},"table":{"type":["integer","string"]}}}},"data":{"type":"object","properties":{"zone":{"type":"string"}}}}}};

function validate83(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(Array.isArray(data)){
const len0 = data.length;
for(let i0=0; i0<len0; i0++){
let data0 = data[i0];
if(data0 && typeof data0 == "object" && !Array.isArray(data0)){
if(data0.interface === undefined){
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0,keyword:"required",params:{missingProperty: "interface"}});
errors++;
}
if(data0.up === undefined){
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0,keyword:"required",params:{missingProperty: "up"}});
errors++;
}
if(data0.interface !== undefined){
if(typeof data0.interface !== "string"){
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0+"/interface",keyword:"type"});
errors++;
}
}
if(data0.up !== undefined){
if(typeof data0.up !== "boolean"){
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0+"/up",keyword:"type"});
errors++;
}
}
if(data0.l3_device !== undefined){
if(typeof data0.l3_device !== "string"){
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0+"/l3_device",keyword:"type"});
errors++;
}
}
if(data0["ipv4-address"] !== undefined){
let data4 = data0["ipv4-address"];
if(Array.isArray(data4)){
const len1 = data4.length;
for(let i1=0; i1<len1; i1++){
let data5 = data4[i1];
if(data5 && typeof data5 == "object" && !Array.isArray(data5)){
if(data5.address === undefined){
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0+"/ipv4-address/" + i1,keyword:"required",params:{missingProperty: "address"}});
errors++;
}
if(data5.mask === undefined){
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0+"/ipv4-address/" + i1,keyword:"required",params:{missingProperty: "mask"}});
errors++;
}
if(data5.address !== undefined){
if(typeof data5.address !== "string"){
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0+"/ipv4-address/" + i1+"/address",keyword:"type"});
errors++;
}
}
if(data5.mask !== undefined){
let data7 = data5.mask;
if(!(((typeof data7 == "number") && (!(data7 % 1) && !isNaN(data7))) && (isFinite(data7)))){
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0+"/ipv4-address/" + i1+"/mask",keyword:"type"});
errors++;
}
if((typeof data7 == "number") && (isFinite(data7))){
if(data7 > 128 || isNaN(data7)){
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0+"/ipv4-address/" + i1+"/mask",keyword:"maximum"});
errors++;
}
if(data7 < 0 || isNaN(data7)){
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0+"/ipv4-address/" + i1+"/mask",keyword:"minimum"});
errors++;
}
}
}
}
else {
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0+"/ipv4-address/" + i1,keyword:"type"});
errors++;
}
}
}
else {
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0+"/ipv4-address",keyword:"type"});
errors++;
}
}
if(data0.route !== undefined){
let data8 = data0.route;
if(Array.isArray(data8)){
const len2 = data8.length;
for(let i2=0; i2<len2; i2++){
let data9 = data8[i2];
if(data9 && typeof data9 == "object" && !Array.isArray(data9)){
if(data9.target === undefined){
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0+"/route/" + i2,keyword:"required",params:{missingProperty: "target"}});
errors++;
}
if(data9.mask === undefined){
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0+"/route/" + i2,keyword:"required",params:{missingProperty: "mask"}});
errors++;
}
if(data9.target !== undefined){
if(typeof data9.target !== "string"){
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0+"/route/" + i2+"/target",keyword:"type"});
errors++;
}
}
if(data9.mask !== undefined){
let data11 = data9.mask;
if(!(((typeof data11 == "number") && (!(data11 % 1) && !isNaN(data11))) && (isFinite(data11)))){
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0+"/route/" + i2+"/mask",keyword:"type"});
errors++;
}
if((typeof data11 == "number") && (isFinite(data11))){
if(data11 > 128 || isNaN(data11)){
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0+"/route/" + i2+"/mask",keyword:"maximum"});
errors++;
}
if(data11 < 0 || isNaN(data11)){
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0+"/route/" + i2+"/mask",keyword:"minimum"});
errors++;
}
}
}
if(data9.table !== undefined){
let data12 = data9.table;
if((!(((typeof data12 == "number") && (!(data12 % 1) && !isNaN(data12))) && (isFinite(data12)))) && (typeof data12 !== "string")){
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0+"/route/" + i2+"/table",keyword:"type"});
errors++;
}
}
}
else {
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0+"/route/" + i2,keyword:"type"});
errors++;
}
}
}
else {
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0+"/route",keyword:"type"});
errors++;
}
}
if(data0.data !== undefined){
let data13 = data0.data;
if(data13 && typeof data13 == "object" && !Array.isArray(data13)){
if(data13.zone !== undefined){
if(typeof data13.zone !== "string"){
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0+"/data/zone",keyword:"type"});
errors++;
}
}
}
else {
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0+"/data",keyword:"type"});
errors++;
}
}
}
else {
vErrors = and(vErrors, {instancePath:instancePath+"/" + i0,keyword:"type"});
errors++;
}
}
}
else {
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
validate83.errors = vErrors;
return errors === 0;
}


function validate82(data, {instancePath=""}={}){

let vErrors = null;
let errors = 0;
if(data && typeof data == "object" && !Array.isArray(data)){
if(data.interface === undefined){
vErrors = and(vErrors, {instancePath,keyword:"required",params:{missingProperty: "interface"}});
errors++;
}
if(data.interface !== undefined){
if(!(validate83(data.interface, {instancePath:instancePath+"/interface"}))){
vErrors = vErrors === null ? validate83.errors : vErrors.concat(validate83.errors);
errors = vErrors.length;
}
}
}
else {
vErrors = and(vErrors, {instancePath,keyword:"type"});
errors++;
}
validate82.errors = vErrors;
return errors === 0;
}

/** By section id; `netifd` is the dump of `ubus call network.interface`. */
export const validators = { nat_pmp: check_nat_pmp, upnp: check_upnp, limits: check_limits, system: check_system, interface: check_interface, permission: check_permission, mapping: check_mapping, netifd: check_netifd }

/** What this file was made from; a test compares it with the table. */
export const madeFrom = "{\"nat_pmp\":{\"type\":\"object\",\"properties\":{\"enabled\":{\"type\":\"boolean\"},\"allow_port_forwarding\":{\"type\":\"boolean\"}},\"required\":[]},\"upnp\":{\"type\":\"object\",\"properties\":{\"enabled\":{\"type\":\"boolean\"},\"allow_disable_external_interface\":{\"type\":\"boolean\"},\"allow_disable_internal_interface\":{\"type\":\"boolean\"},\"show_dummy_rule\":{\"type\":\"boolean\"},\"nat_traversal\":{\"type\":\"boolean\"},\"http_port\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535}},\"required\":[]},\"limits\":{\"type\":\"object\",\"properties\":{\"per_host\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":131070},\"total\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":131070},\"min_lease\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":86400},\"max_lease\":{\"type\":\"integer\",\"minimum\":60,\"maximum\":31536000},\"default_action\":{\"type\":\"string\",\"enum\":[\"high-ports\",\"allow\",\"deny\"]},\"requests_per_second\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":1000000}},\"required\":[]},\"system\":{\"type\":\"object\",\"properties\":{\"mark\":{\"type\":\"integer\",\"enum\":[1,2,4,8,16,32,64,128,256,512,1024,2048,4096,8192,16384,32768,65536,131072,262144,524288,1048576,2097152,4194304,8388608,16777216,33554432,67108864,134217728,268435456,536870912,1073741824,2147483648]},\"log_level\":{\"type\":\"string\",\"enum\":[\"error\",\"warning\",\"info\",\"debug\"]}},\"required\":[]},\"interface\":{\"type\":\"object\",\"properties\":{\"interface\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_.@+-]{1,64}$\"},\"type\":{\"type\":\"string\",\"enum\":[\"internal\",\"external\"]},\"service\":{\"type\":\"array\",\"minItems\":1,\"items\":{\"type\":\"string\",\"enum\":[\"upnp\",\"nat-pmp\"]}},\"forced_ip\":{\"type\":\"string\"},\"disabled\":{\"type\":\"boolean\"}},\"required\":[\"interface\",\"type\"]},\"permission\":{\"type\":\"object\",\"properties\":{\"action\":{\"type\":\"string\",\"enum\":[\"allow\",\"deny\"]},\"interface\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_.@+-]{1,64}$\"},\"protocol\":{\"type\":\"string\",\"enum\":[\"tcp\",\"udp\",\"both\"]},\"dst_port\":{\"type\":\"object\",\"properties\":{\"first\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535},\"last\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535}},\"required\":[\"first\",\"last\"],\"additionalProperties\":false},\"internal_port\":{\"type\":\"object\",\"properties\":{\"first\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535},\"last\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535}},\"required\":[\"first\",\"last\"],\"additionalProperties\":false},\"internal_address\":{\"type\":\"object\",\"properties\":{\"first\":{\"type\":\"string\"},\"last\":{\"type\":\"string\"}}},\"mac\":{\"type\":\"string\"},\"service\":{\"type\":\"array\",\"minItems\":1,\"items\":{\"type\":\"string\",\"enum\":[\"upnp\",\"nat-pmp\"]}},\"comment\":{\"type\":\"string\"},\"disabled\":{\"type\":\"boolean\"}},\"required\":[\"action\"]},\"mapping\":{\"type\":\"object\",\"properties\":{\"protocol\":{\"type\":\"string\",\"enum\":[\"tcp\",\"udp\",\"both\"]},\"external_port\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535},\"internal_address\":{\"type\":\"string\"},\"internal_port\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535},\"comment\":{\"type\":\"string\"},\"disabled\":{\"type\":\"boolean\"}},\"required\":[\"protocol\",\"external_port\",\"internal_address\"]},\"netifd\":{\"type\":\"object\",\"required\":[\"interface\"],\"properties\":{\"interface\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"interface\",\"up\"],\"properties\":{\"interface\":{\"type\":\"string\"},\"up\":{\"type\":\"boolean\"},\"l3_device\":{\"type\":\"string\"},\"ipv4-address\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"address\",\"mask\"],\"properties\":{\"address\":{\"type\":\"string\"},\"mask\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":128}}}},\"route\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"target\",\"mask\"],\"properties\":{\"target\":{\"type\":\"string\"},\"mask\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":128},\"table\":{\"type\":[\"integer\",\"string\"]}}}},\"data\":{\"type\":\"object\",\"properties\":{\"zone\":{\"type\":\"string\"}}}}}}}}}"
