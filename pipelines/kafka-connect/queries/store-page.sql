-- The first page of a store's shelf list.
SELECT store_id, sku_id, latest.on_hand, latest.version
FROM (
  SELECT
    store_id, sku_id,
    arg_max({'on_hand': on_hand, 'version': version, 'deleted': deleted}, version) AS latest
  FROM ice.${namespace}.inventory
  WHERE store_id = $store AND sku_id < 9000001
  GROUP BY store_id, sku_id
)
WHERE NOT latest.deleted
ORDER BY sku_id
LIMIT 50;
